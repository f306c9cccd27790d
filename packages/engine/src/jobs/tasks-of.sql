-- The tasks of these jobs, each once.
-- $1 ids int8[]
-- whose jobs: $2 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select distinct v.task from trunkline.jobs v where v.id = any($1::bigint[])
  and ($2::jsonb is null or v.created_by = $2 ->> 'by' or (
    ($2 -> 'queues' is null or v.queue like any(array(select jsonb_array_elements_text($2 -> 'queues'))))
    and ($2 -> 'tasks' is null or v.task like any(array(select jsonb_array_elements_text($2 -> 'tasks'))))))
