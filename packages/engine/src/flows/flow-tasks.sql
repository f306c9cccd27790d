-- The tasks of a flow's jobs and the queues that they are in, each pair once.
-- $1 flow int8
select distinct t.name task, q.name queue
from trunkline.flow_job m join trunkline.job j on j.id = m.id left join trunkline.moved v on v.id = m.id
  join trunkline.task t on t.id = j.task_id join trunkline.queue q on q.id = coalesce(v.queue_id, j.queue_id)
where m.flow_id = $1
