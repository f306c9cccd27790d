-- Tasks that workers have published, by name, with the live workers that serve each.
select t.name, t.queue, t.priority::int, t.max_attempts::int, t.timeout_ms::float8, t.description, t.input_schema, t.searchable, t.updated_at,
  (select count(*) from trunkline.worker w where t.name = any(w.tasks) and w.beat > now() - interval '30 s')::int workers
from trunkline.task t order by t.name
