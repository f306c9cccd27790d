-- Ids of jobs that are due, in the order in which they will run: a slice of the line, from one chunk to another.
-- $1 after queue int  $2 after lane int2  $3 after seq int8
-- the filter: $4 task int  $5 queue int  $6 tags text[]  $7 created from timestamptz  $8 created before  $9 payload values jsonb [{path, value}]; null = any
-- $10 chunks int  $11 paused ones (true), others (false), both (null) boolean
-- whose jobs: $12 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
-- Answers the ids of each chunk, with the chunk's place, so that the next slice goes on there.
with s as materialized (
    select r.queue_id, r.priority, r.seq, r.ids from trunkline.ready r
    where (r.queue_id, r.priority, r.seq) > ($1::int, $2::int2, $3::int8) and ($5::int is null or r.queue_id = $5) order by r.queue_id, r.priority, r.seq limit $10)
select s.queue_id q, s.priority p, s.seq::text seq, (
    select coalesce(array_agg(j.id order by u.o), '{}') from unnest(s.ids) with ordinality u(id, o) join trunkline.job j on j.id = u.id
      left join trunkline.moved m on m.id = j.id left join trunkline.retagged g on g.id = j.id
    where ($11::boolean is null or $11 = exists (select from trunkline.queue q where q.id = s.queue_id and q.paused_at is not null and (q.paused_until is null or q.paused_until > now())))
      and ($4::int is null or j.task_id = $4) and ($5::int is null or coalesce(m.queue_id, j.queue_id) = $5)
      and ($6::text[] is null or coalesce(g.tags, j.tags) @> $6)
    and ($12::jsonb is null or j.created_by = $12 ->> 'by' or (
      ($12 -> 'queues' is null or coalesce(m.queue_id, j.queue_id) in (select x.id from trunkline.queue x where x.name like any(array(select jsonb_array_elements_text($12 -> 'queues')))))
      and ($12 -> 'tasks' is null or j.task_id in (select x.id from trunkline.task x where x.name like any(array(select jsonb_array_elements_text($12 -> 'tasks')))))))
      and ($7::timestamptz is null or j.created_at >= $7) and ($8::timestamptz is null or j.created_at < $8)
      and ($9::jsonb is null or not exists (
    select from jsonb_to_recordset($9) a(path text, value text) where j.payload #>> string_to_array(a.path, '.') is distinct from a.value))
    ) ids
from s order by s.queue_id, s.priority, s.seq
