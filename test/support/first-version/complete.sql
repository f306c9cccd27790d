-- As it was sent by the first version, whose schema is migration 0001: for test/a-schema-is-migrated-under-load.test.ts.
-- Ends jobs for good: completed (2), failed without another try (3), cancelled (4). Only ids that are still open in a
-- lease of this worker are ended; the lease shrinks to what stays open. Answers how many were ended.
-- $1 worker int  $2 lease int8[]  $3 id int8[]  $4 status int2[]  $5 age in µs since the start int8[]  $6 duration in µs int8[]
-- $7 queue int[]  $8 task int[]  $9 result jsonb[] or null  $10 error jsonb[] or null
with l as materialized (
    select id, ids, attempts from trunkline.lease where id = any(array(select distinct unnest($2::bigint[]))) and worker_id = $1 for update),
  x as materialized (
    select * from unnest($2::bigint[], $3::bigint[], $4::int2[], $5::bigint[], $6::bigint[], $7::int[], $8::int[], $9::jsonb[], $10::jsonb[])
      x(lease, id, status, age, dur, queue_id, task_id, result, error)),
  o as materialized (select l.id lease, u.id, u.a from l, unnest(l.ids, l.attempts) u(id, a)),
  v as materialized (select x.*, o.a from o join x on x.id = o.id and x.lease = o.lease),
  k as materialized (
    select o.lease, array_agg(o.id) ids, array_agg(o.a) attempts from o left join v on v.id = o.id where v.id is null group by o.lease),
  i as (insert into trunkline.outcome(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, result, error)
    select id, status, a, $1, queue_id, task_id, now() - age * interval '1us', now() - (age - dur) * interval '1us', result, error from v),
  d as (delete from trunkline.lease where id = any(array(select id from l where id not in (select lease from k)))),
  u as (update trunkline.lease e set ids = (select ids from k where k.lease = e.id), attempts = (select attempts from k where k.lease = e.id)
    where e.id = any(array(select lease from k))),
  g as materialized (
    select queue_id, task_id, status, count(*)::int n, sum(dur)::bigint us from v group by queue_id, task_id, status),
  c as (insert into trunkline.stat_delta select date_trunc('minute', now()), * from g),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'closed', jsonb_build_object('w', $1::int,
      'q', jsonb_agg(jsonb_build_array(queue_id, task_id, status, n)), 'ids', case when sum(n) <= 100 then (select jsonb_agg(id) from v) end)
    from g having count(*) > 0)
select (select count(*) from v)::int n
