-- The tasks of a flow's jobs, of the steps of a steps_run among them too, and the queues that they are in, each pair once.
-- $1 flow int8
with j as materialized (select t.name task, q.name queue, case when t.name = 'steps_run' then j.payload end payload
from trunkline.flow_job m join trunkline.job j on j.id = m.id left join trunkline.moved v on v.id = m.id
  join trunkline.task t on t.id = j.task_id join trunkline.queue q on q.id = coalesce(v.queue_id, j.queue_id)
where m.flow_id = $1)
select task, queue from j union
select x #>> '{}', j.queue from j, jsonb_path_query(j.payload, '$.steps[*].task') x where jsonb_typeof(x) = 'string'
