-- Ids of ended jobs, newest first.
-- $1 below this id int8  $2 not below this id int8  $3 limit int
-- the filter: $4 task int  $5 queue int  $6 tags text[]  $7 created from timestamptz  $8 created before  $9 payload values jsonb [{path, value}]; null = any
-- $10 status int2[]  $11 reason text or null  $12 error fingerprint text or null
-- whose jobs: $13 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select o.id::text from trunkline.outcome o join trunkline.job j on j.id = o.id
  left join trunkline.moved m on m.id = j.id left join trunkline.retagged g on g.id = j.id
where o.id < $1 and o.id >= $2 and o.status = any($10::int2[])
  and ($11::text is null or $11 = case when o.status = 5 then 'replaced' when o.status = 4 then 'cancelled' else coalesce(o.error ->> 'reason', 'attempts_used') end)
  and ($12::text is null or o.error ->> 'fingerprint' = $12)
  and not exists (select from trunkline.hidden h where h.id = o.id)
  and ($4::int is null or j.task_id = $4) and ($5::int is null or coalesce(m.queue_id, j.queue_id) = $5)
  and ($6::text[] is null or coalesce(g.tags, j.tags) @> $6)
    and ($13::jsonb is null or j.created_by = $13 ->> 'by' or (
      ($13 -> 'queues' is null or coalesce(m.queue_id, j.queue_id) in (select x.id from trunkline.queue x where x.name like any(array(select jsonb_array_elements_text($13 -> 'queues')))))
      and ($13 -> 'tasks' is null or j.task_id in (select x.id from trunkline.task x where x.name like any(array(select jsonb_array_elements_text($13 -> 'tasks')))))))
  and ($7::timestamptz is null or j.created_at >= $7) and ($8::timestamptz is null or j.created_at < $8)
  and ($9::jsonb is null or not exists (
    select from jsonb_to_recordset($9) a(path text, value text) where j.payload #>> string_to_array(a.path, '.') is distinct from a.value))
order by o.id desc limit $3
