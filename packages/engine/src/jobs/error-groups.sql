-- Failures of a while by cause, the latest first; what is counted ends at so many failures.
-- $1 from timestamptz  $2 most failures int  $3 fingerprint text or null  $4 state text or null  $5 limit int
-- whose jobs: $6 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
with f as materialized (
    select o.id, o.finished_at, o.error, o.task_id, o.queue_id from trunkline.outcome o join trunkline.job j on j.id = o.id
    where o.status = 3 and o.finished_at >= $1::timestamptz and o.error ? 'fingerprint'
      and ($3::text is null or o.error ->> 'fingerprint' = $3) and not exists (select from trunkline.hidden h where h.id = o.id)
      and ($6::jsonb is null or j.created_by = $6 ->> 'by' or (
        ($6 -> 'queues' is null or o.queue_id in (select x.id from trunkline.queue x where x.name like any(array(select jsonb_array_elements_text($6 -> 'queues')))))
        and ($6 -> 'tasks' is null or o.task_id in (select x.id from trunkline.task x where x.name like any(array(select jsonb_array_elements_text($6 -> 'tasks')))))))
    order by o.finished_at desc limit $2),
  g as (
    select error ->> 'fingerprint' fingerprint, count(*)::int n, min(finished_at) first_seen, max(finished_at) last_seen,
      (array_agg(error order by finished_at desc))[1] error, (array_agg(task_id order by finished_at desc))[1] task_id,
      (array_agg(id::text order by finished_at desc))[1:5] jobs
    from f group by 1),
  s as (
    select g.*, t.name task, e.note, e.by_whom, e.since, e.ignored_until,
      case when e.state = 'ignored' and (e.ignored_until is null or e.ignored_until > now()) then 'ignored'
        when e.state = 'resolved' and g.last_seen > e.since then 'regressed'
        when e.state = 'resolved' then 'resolved'
        when e.state is null and g.first_seen > now() - interval '24 h' then 'new' else 'ongoing' end state
    from g join trunkline.task t on t.id = g.task_id left join trunkline.error_group e on e.fingerprint = g.fingerprint)
select s.*, (select count(*) from f)::int looked, (select json_agg(json_build_array(h, n) order by h) from (
    select date_trunc('hour', f.finished_at) h, count(*)::int n from f where f.error ->> 'fingerprint' = s.fingerprint group by 1) z) hours
from s where ($4::text is null or s.state = $4) order by s.last_seen desc limit $5
