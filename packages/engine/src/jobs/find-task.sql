-- A published task by name; when there is none, the names that are known.
-- $1 name text
select t.id, t.name, t.queue, t.priority::int priority, t.max_attempts::int attempts, t.timeout_ms::float8 "timeoutMs", coalesce(t.searchable, '{}') searchable, t.input_schema "inputSchema",
  case when t.id is null then (select array_agg(name order by name) from trunkline.task) end known
from (select) one left join trunkline.task t on t.name = $1
