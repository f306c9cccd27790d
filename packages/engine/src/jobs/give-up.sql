-- Ends tries without ending the jobs, in mixed kinds: 1 failed (retry, or the end when the attempts are used up), 2 snoozed,
-- 3 handed back untouched. A job whose cancellation was asked for ends as cancelled instead.
-- $1 worker int  $2 lease int8[]  $3 id int8[]  $4 kind int2[]  $5 delay in ms int8[]  $6 age in µs since the start int8[]
-- $7 duration in µs int8[]  $8 error jsonb[]  $9 failed tries allowed int2[], null = what the job says
with l as materialized (
    select id, ids, attempts from trunkline.lease where id = any(array(select distinct unnest($2::bigint[]))) and worker_id = $1 for update),
  x as materialized (
    select * from unnest($2::bigint[], $3::bigint[], $4::int2[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[], $9::int2[])
      x(lease, id, kind, delay, age, dur, error, allowed)),
  o as materialized (select l.id lease, u.id, u.a from l, unnest(l.ids, l.attempts) u(id, a)),
  v as materialized (select x.*, o.a from o join x on x.id = o.id and x.lease = o.lease),
  k as materialized (
    select o.lease, array_agg(o.id) ids, array_agg(o.a) attempts from o left join v on v.id = o.id where v.id is null group by o.lease),
  d as (delete from trunkline.lease where id = any(array(select id from l where id not in (select lease from k)))),
  u as (update trunkline.lease e set ids = (select ids from k where k.lease = e.id), attempts = (select attempts from k where k.lease = e.id)
    where e.id = any(array(select lease from k))),
  j as materialized (
    select v.*, j.task_id, coalesce(m.queue_id, j.queue_id) q, cw.id is not null cancelled, cw.by_whom,
      -- a crash raises the attempt number but spends none of the policy: only failed tries (kind 1) count
      v.kind = 1 and v.a + 1 >= coalesce(v.allowed, j.max_attempts)
        and 1 + (select count(*) from trunkline.attempt t where t.id = v.id and t.kind = 1) >= coalesce(v.allowed, j.max_attempts) used_up,
      -- whatever else happens to it, a job that crashed twice stays in the isolation lane until it ends
      case when v.a >= 2 and (select count(*) from trunkline.attempt t where t.id = v.id and t.kind = 2) >= 2 then 32767 else coalesce(m.priority, j.priority) end::int2 lane
    -- look-ups row by row, whatever joins are pinned for the rest: a hash join would read all of job
    from v, lateral (select task_id, queue_id, priority, max_attempts from trunkline.job where id = v.id offset 0) j
      left join lateral (select queue_id, priority from trunkline.moved where id = v.id offset 0) m on true
      left join lateral (select id, by_whom from trunkline.cancel_wanted where id = v.id offset 0) cw on true),
  oc as (insert into trunkline.outcome(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, result, error)
    select id, case when cancelled then 4 else 3 end, a, $1, q, task_id,
      case when kind <> 3 then now() - age * interval '1us' end, now() - (age - dur) * interval '1us',
      case when cancelled then jsonb_build_object('by', by_whom) end,
      case when not cancelled then error || jsonb_build_object('reason', case when error ->> 'code' = 'timeout' then 'timeout' else 'attempts_used' end) else error end
    from j where cancelled or used_up),
  at as (insert into trunkline.attempt(id, attempt, kind, worker_id, started_at, finished_at, error)
    select id, a, 1, $1, now() - age * interval '1us', now() - (age - dur) * interval '1us', error from j where kind = 1 and not used_up and not cancelled),
  sc as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt, why)
    select id, now() + delay * interval '1ms', q, lane, a + (kind = 1)::int, kind from j where kind in (1, 2) and not used_up and not cancelled),
  -- while it waits to be tried again others may have its place, but for its turn in an order; a crash suspect keeps what it has to the end
  pm as (delete from trunkline.permit x where x.kind = 2
    and x.job_id = any(array(select id from j where kind in (1, 2) and not used_up and not cancelled and lane <> 32767)) returning x.queue_id, x.gate_id),
  kn as (insert into trunkline.knock(queue_id, gates) select queue_id, array_agg(distinct gate_id) from pm group by queue_id),
  rd as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select q, lane, case when a = 0 then min(id) else nextval('trunkline.id') end, a, count(*), array_agg(id order by id)
    from (select *, (row_number() over (partition by q, lane, a order by id) - 1) / 100 b from j where kind = 3 and not cancelled) z
    group by q, lane, a, b
    on conflict (queue_id, priority, seq) do update set ids = excluded.ids || trunkline.ready.ids, n = excluded.n + trunkline.ready.n),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), q, task_id, case when cancelled then 4 when used_up then 3 else 10 + kind end, count(*), sum(dur) from j group by 2, 3, 4),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'given_up', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from j having count(*) > 0)
select count(*)::int n, count(*) filter (where used_up and not cancelled)::int final, count(*) filter (where cancelled)::int cancelled,
  (select pg_notify('trunkline', 'w') where (exists (select from j where kind = 3) or exists (select from pm)) and (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select q from j)))) woken
from j
