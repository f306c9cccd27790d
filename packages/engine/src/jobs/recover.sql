-- Takes over what dead workers held. An id that was really started (its heartbeat named it, or it was alone in its lease)
-- gets a crash row and the next attempt number; prefetched ones go back unchanged. From the second crash a job waits in the
-- isolation lane (32767); the third crash ends it when it was alone in its lease. Where a dead worker had recorded nothing,
-- its open jobs go unchanged to the isolation lane: one of them may have killed it within its first second.
-- $1 stale after interval  $2 crashes that end a job int  $3 only these workers int[], null = all
-- $4 what the clock should say now, in ms, float8, null = what it says: by both a beat has to be too old, or too far in the future (a
-- clock that was set back; its owner would have beaten by the new time since)
with dead as materialized (
    select w.* from trunkline.worker w, coalesce(to_timestamp($4::float8 / 1000), now()) expected
    where (beat < least(now(), expected) - $1::interval or $4::float8 is not null and beat > greatest(now(), expected) + $1::interval)
      and ($3::int[] is null or id = any($3::int[])) for update of w skip locked),
  -- a lease that an open transaction holds (assert_lease, a completion in the handler's own) is left to a later sweep, which
  -- finds it as a lease without a worker: nobody else's recovery waits for that transaction
  ll as materialized (select id from trunkline.lease e where worker_id = any(array(select id from dead))
    or not exists (select from trunkline.worker w where w.id = e.worker_id) for update skip locked),
  dl as (delete from trunkline.lease where id = any(array(select id from ll)) returning *),
  o as materialized (
    select dl.worker_id, dl.at, cardinality(dl.ids) = 1 alone, u.id, u.a, cardinality(dl.ids) = 1 or coalesce(u.id = any(coalesce(dead.running, past.running)), false) started
    from dl left join dead on dead.id = dl.worker_id left join trunkline.worker_past past on past.id = dl.worker_id, unnest(dl.ids, dl.attempts) u(id, a)),
  j as materialized (
    select o.*, j.task_id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) p, cw.id is not null cancelled, cw.by_whom,
      not bool_or(o.started) over (partition by o.worker_id) nothing_known,
      case when started then 1 + (select count(*) from trunkline.attempt t where t.id = o.id and t.kind = 2) else 0 end crashes
    from o join trunkline.job j on j.id = o.id left join trunkline.moved m on m.id = o.id left join trunkline.cancel_wanted cw on cw.id = o.id),
  z as materialized (
    select *, not cancelled and alone and crashes >= $2 poison, case when crashes > 1 or nothing_known then 32767 else p end lane from j),
  oc as (insert into trunkline.outcome(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, result, error)
    select id, case when cancelled then 4 else 3 end, a, worker_id, q, task_id, case when started then at end, now(),
      case when cancelled then jsonb_build_object('by', by_whom) end,
      case when poison then jsonb_build_object('code', 'crash_limit', 'reason', 'crash_limit', 'crashes', crashes,
        'message', format('the worker died %s times while it ran this job', crashes)) end
    from z where cancelled or poison),
  at as (insert into trunkline.attempt(id, attempt, kind, worker_id, started_at, finished_at, error)
    select id, a, 2, worker_id, at, now(), '{"code":"worker_lost","message":"the worker died or stopped answering while it ran this attempt"}'::jsonb
    from z where started and not cancelled and not poison),
  lg as (insert into trunkline.log(job_id, attempt, at, level, message)
    select id, a, now(), 3, 'the worker died or stopped answering while it ran this attempt' from z where started),
  rd as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select q, lane, nextval('trunkline.id'), na, count(*), array_agg(id order by id)
    from (select *, a + started::int na, (row_number() over (partition by q, lane, a + started::int order by id) - 1) / 100 b from z where not cancelled and not poison) y
    group by q, lane, na, b),
  wk as (delete from trunkline.worker where id = any(array(select id from dead))),
  wp as (insert into trunkline.worker_past(id, name, host, pid, version, started_at, how, concurrency, queues, tasks, singleton, running)
    select id, name, host, pid, version, started_at, 'lost', concurrency, queues, tasks, singleton, running from dead),
  id as (delete from trunkline.idle i where worker_id = any(array(select id from dead))
    or not exists (select from trunkline.worker w where w.id = i.worker_id)),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), q, task_id, case when cancelled then 4 when poison then 3 when started then 20 else 13 end, count(*), 0 from z group by 2, 3, 4),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'recovered', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from z having count(*) > 0)
select count(*)::int n, count(*) filter (where poison)::int poison, (select array_agg(id) from dead) workers,
  (select pg_notify('trunkline', 'w') where exists (select from z)) woken
from z
