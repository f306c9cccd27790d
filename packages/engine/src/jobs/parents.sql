-- What the parents of a job came to, oldest first.
-- $1 child int8
select d.parent::text id, f.node, t.name task, case o.status when 2 then 'completed' when 3 then 'failed' when 4 then 'cancelled' when 5 then 'cancelled' end state, o.result, o.error
from trunkline.dependency d join trunkline.job j on j.id = d.parent join trunkline.task t on t.id = j.task_id
  left join trunkline.outcome o on o.id = d.parent left join trunkline.flow_job f on f.id = d.parent
where d.child = $1 order by d.parent
