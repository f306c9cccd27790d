-- Runs a failed or cancelled job again, with a fresh allowance of attempts: its outcome becomes an attempt row, the earlier
-- attempts no longer count (kind + 10), and it stands at the end of its lane. Answers reopened, or its state.
-- $1 id int8
with o as (delete from trunkline.outcome where id = $1 and status in (3, 4) returning *),
  j as materialized (select j.task_id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) p
    from o join trunkline.job j on j.id = o.id left join trunkline.moved m on m.id = o.id),
  a as (insert into trunkline.attempt(id, attempt, kind, worker_id, started_at, finished_at, error)
    select id, attempt, case when status = 4 then 14 when error ->> 'reason' = 'crash_limit' then 12 else 11 end, worker_id, started_at, finished_at, error
    from o where started_at is not null),
  e as (update trunkline.attempt set kind = kind + 10 where id = $1 and kind < 10 and exists (select from o)),
  r as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select j.q, j.p, nextval('trunkline.id'), o.attempt + (o.started_at is not null)::int, 1, array[o.id] from o, j),
  w as (delete from trunkline.cancel_wanted where id = $1 and exists (select from o)),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), j.q, j.task_id, x.status, x.n, 0 from j, o, lateral (values (21, 1), (o.status::int, -1)) x(status, n)),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'reopened', jsonb_build_object('n', 1, 'ids', jsonb_build_array(id)) from o)
select (select 'reopened' from o) was, (select state from trunkline.jobs where id = $1) state,
  (select pg_notify('trunkline', 'w') from o) woken
