-- Publishes a task so that others can enqueue it by name; writes only when something has changed.
-- $1 name text  $2 queue text  $3 priority int2  $4 max attempts int2  $5 timeout in ms int8  $6 description text  $7 input schema jsonb  $8 searchable payload paths text[] or null
with t as (
  insert into trunkline.task as t (name, queue, priority, max_attempts, timeout_ms, description, input_schema, searchable)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (name) do update
    set queue = excluded.queue, priority = excluded.priority, max_attempts = excluded.max_attempts, timeout_ms = excluded.timeout_ms,
      description = excluded.description, input_schema = excluded.input_schema, searchable = excluded.searchable, updated_at = now()
    where (t.queue, t.priority, t.max_attempts, t.timeout_ms, t.description, t.input_schema, t.searchable)
      is distinct from (excluded.queue, excluded.priority, excluded.max_attempts, excluded.timeout_ms, excluded.description, excluded.input_schema, excluded.searchable)
  returning id)
select id from t union all select id from trunkline.task where name = $1 limit 1
