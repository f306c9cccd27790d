-- The tasks of these jobs and of the steps of a steps_run, each once.
-- $1 ids int8[]
-- whose jobs: $2 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
with j as materialized (select v.task, v.payload from trunkline.jobs v where v.id = any($1::bigint[])
  and ($2::jsonb is null or v.created_by = $2 ->> 'by' or (
    ($2 -> 'queues' is null or v.queue like any(array(select jsonb_array_elements_text($2 -> 'queues'))))
    and ($2 -> 'tasks' is null or v.task like any(array(select jsonb_array_elements_text($2 -> 'tasks')))))))
select task from j union
select x #>> '{}' from j, jsonb_path_query(case when j.task = 'steps_run' then j.payload end, '$.steps[*].task') x where jsonb_typeof(x) = 'string'
