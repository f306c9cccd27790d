-- Ids of jobs that wait for their time (scheduled, retrying, snoozed, debounced), earliest first.
-- $1 after this time timestamptz  $2 after this id int8  $3 limit int
-- the filter: $4 task int  $5 queue int  $6 tags text[]  $7 created from timestamptz  $8 created before  $9 payload values jsonb [{path, value}]; null = any
-- $10 retrying (true), others (false), both (null) boolean
-- whose jobs: $11 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select z.id::text, z.run_at at from (
  (select s.id, s.run_at from trunkline.scheduled s join trunkline.job j on j.id = s.id
      left join trunkline.moved m on m.id = j.id left join trunkline.retagged g on g.id = j.id
    where (s.run_at, s.id) > ($1::timestamptz, $2::int8) and ($10::boolean is null or (s.why = 1) = $10)
    and ($4::int is null or j.task_id = $4) and ($5::int is null or coalesce(m.queue_id, j.queue_id) = $5)
    and ($6::text[] is null or coalesce(g.tags, j.tags) @> $6)
    and ($11::jsonb is null or j.created_by = $11 ->> 'by' or (
      ($11 -> 'queues' is null or coalesce(m.queue_id, j.queue_id) in (select x.id from trunkline.queue x where x.name like any(array(select jsonb_array_elements_text($11 -> 'queues')))))
      and ($11 -> 'tasks' is null or j.task_id in (select x.id from trunkline.task x where x.name like any(array(select jsonb_array_elements_text($11 -> 'tasks')))))))
    and ($7::timestamptz is null or j.created_at >= $7) and ($8::timestamptz is null or j.created_at < $8)
    and ($9::jsonb is null or not exists (
    select from jsonb_to_recordset($9) a(path text, value text) where j.payload #>> string_to_array(a.path, '.') is distinct from a.value))
    order by s.run_at, s.id limit $3)
  union all
  (select j.id, j.run_at from trunkline.debounce j
    where (j.run_at, j.id) > ($1::timestamptz, $2::int8) and $10 is not true
      and ($4::int is null or j.task_id = $4) and ($5::int is null or j.queue_id = $5) and ($6::text[] is null or j.tags @> $6)
      and ($11::jsonb is null or j.created_by = $11 ->> 'by' or (
      ($11 -> 'queues' is null or j.queue_id in (select x.id from trunkline.queue x where x.name like any(array(select jsonb_array_elements_text($11 -> 'queues')))))
      and ($11 -> 'tasks' is null or j.task_id in (select x.id from trunkline.task x where x.name like any(array(select jsonb_array_elements_text($11 -> 'tasks')))))))
      and ($7::timestamptz is null or j.created_at >= $7) and ($8::timestamptz is null or j.created_at < $8)
      and ($9::jsonb is null or not exists (
        select from jsonb_to_recordset($9) a(path text, value text) where j.payload #>> string_to_array(a.path, '.') is distinct from a.value))
    order by j.run_at, j.id limit $3)) z
order by z.run_at, z.id limit $3
