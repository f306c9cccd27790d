-- Ids of jobs by a payload value that their task lists as searchable, newest first; state and the rest of the filter are asked of the jobs.
-- $1 below this id int8  $2 task int  $3 limit int  $4 path text  $5 value text  $6 the other values jsonb [{path, value}]
-- $7 state text or null  $8 queue text or null  $9 tags text[] or null  $10 created from timestamptz  $11 created before  $12 reason text or null  $13 fingerprint text or null
-- whose jobs: $14 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select v.id::text from trunkline.jobs v
where v.id = any(array(
    select s.job_id from trunkline.searchable s where s.task_id = $2 and s.path = $4 and s.value = $5 and s.job_id < $1 order by s.job_id desc limit 100000))
  and ($7::text is null or v.state = $7) and ($8::text is null or v.queue = $8) and ($9::text[] is null or v.tags @> $9)
  and ($10::timestamptz is null or v.created_at >= $10) and ($11::timestamptz is null or v.created_at < $11)
  and ($12::text is null or v.reason = $12) and ($13::text is null or v.error ->> 'fingerprint' = $13)
  and ($14::jsonb is null or v.created_by = $14 ->> 'by' or (
    ($14 -> 'queues' is null or v.queue like any(array(select jsonb_array_elements_text($14 -> 'queues'))))
    and ($14 -> 'tasks' is null or v.task like any(array(select jsonb_array_elements_text($14 -> 'tasks'))))))
  and not exists (select from jsonb_to_recordset($6) a(path text, value text) where v.payload #>> string_to_array(a.path, '.') is distinct from a.value)
order by v.id desc limit $3
