-- What jobs were asked to do, so that it can be asked again; with their states, since only ended ones are. With the pins of walk.
-- $1 ids int8[]
select v.id::text, t.id task_id, q.id queue_id, -v.priority priority, v.max_attempts, v.timeout_ms::float8 timeout_ms, nullif(v.tags, '{}') tags,
  v.payload::text payload, v.state, case when coalesce(v.ordering_key, v.concurrency_key, v.rate_key) is not null
    then array[v.ordering_key, v.concurrency_key, v.rate_key] end gate_keys
from trunkline.jobs v join trunkline.task t on t.name = v.task join trunkline.queue q on q.name = v.queue
where v.id = any($1::bigint[])
