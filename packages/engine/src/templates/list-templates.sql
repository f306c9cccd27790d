-- Templates as people see them, by name.
-- $1 id uuid or null  $2 name text or null  $3 after name text or null  $4 limit int
-- whose: $5 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select p.id, p.name, p.description, t.name task, t.id task_id, coalesce(p.options ->> 'queue', t.queue) queue, p.payload, p.options, p.input_schema, t.input_schema task_schema, p.version, p.uses::float8, p.last_used_at,
  (select count(*)::int from trunkline.schedule s where s.template_id = p.id) schedules, p.created_at, p.created_by, p.updated_at, p.updated_by
from trunkline.template p join trunkline.task t on t.id = p.task_id
where ($1::uuid is null or p.id = $1) and ($2::text is null or p.name = $2) and ($3::text is null or p.name > $3)
  and ($5::jsonb is null or p.created_by = $5 ->> 'by' or (
    ($5 -> 'queues' is null or coalesce(p.options ->> 'queue', t.queue) like any(array(select jsonb_array_elements_text($5 -> 'queues'))))
    and ($5 -> 'tasks' is null or t.name like any(array(select jsonb_array_elements_text($5 -> 'tasks'))))))
order by p.name limit $4
