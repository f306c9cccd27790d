-- What ended jobs were asked to do, so that it can be asked again.
-- $1 ids int8[]
select j.id::text, t.name task, t.id task_id, q.id queue_id, coalesce(m.priority, j.priority)::int priority, j.max_attempts::int max_attempts,
  j.timeout_ms::float8 timeout_ms, coalesce(g.tags, j.tags) tags, j.payload::text payload,
  (select v.state from trunkline.jobs v where v.id = j.id) state
from trunkline.job j join trunkline.task t on t.id = j.task_id left join trunkline.moved m on m.id = j.id
  join trunkline.queue q on q.id = coalesce(m.queue_id, j.queue_id) left join trunkline.retagged g on g.id = j.id
where j.id = any($1::bigint[]) and not exists (select from trunkline.hidden h where h.id = j.id)
