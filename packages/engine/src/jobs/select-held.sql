-- Ids of jobs that wait for a limit of their key, newest first.
-- $1 below this id int8  $2 not below this id int8  $3 limit int
-- the filter: $4 task int  $5 queue int  $6 tags text[]  $7 created from timestamptz  $8 created before  $9 payload values jsonb [{path, value}]; null = any
-- whose jobs: $10 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select j.id::text from trunkline.held b join trunkline.job j on j.id = b.id
  left join trunkline.moved m on m.id = j.id left join trunkline.retagged g on g.id = j.id
where b.id < $1 and b.id >= $2
  and ($4::int is null or j.task_id = $4) and ($5::int is null or coalesce(m.queue_id, j.queue_id) = $5)
  and ($6::text[] is null or coalesce(g.tags, j.tags) @> $6)
    and ($10::jsonb is null or j.created_by = $10 ->> 'by' or (
      ($10 -> 'queues' is null or coalesce(m.queue_id, j.queue_id) in (select x.id from trunkline.queue x where x.name like any(array(select jsonb_array_elements_text($10 -> 'queues')))))
      and ($10 -> 'tasks' is null or j.task_id in (select x.id from trunkline.task x where x.name like any(array(select jsonb_array_elements_text($10 -> 'tasks')))))))
  and ($7::timestamptz is null or j.created_at >= $7) and ($8::timestamptz is null or j.created_at < $8)
  and ($9::jsonb is null or not exists (
    select from jsonb_to_recordset($9) a(path text, value text) where j.payload #>> string_to_array(a.path, '.') is distinct from a.value))
order by b.id desc limit $3
