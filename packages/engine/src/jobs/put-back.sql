-- Puts jobs that were taken out into the queue, priority and time of each, to their natural places there (see update.sql).
-- Those that wait for others change where they are.
-- $1 jobs jsonb [{id, q, p (own lane), lane, attempt, due, why, moved, blocked}]
with a as materialized (
    select *, coalesce(due > now(), false) later, case when lane = 32767 then lane else p end to_lane
    from jsonb_to_recordset($1::jsonb) x(id bigint, q int, p smallint, lane smallint, attempt smallint, due timestamptz, why smallint, moved boolean, blocked boolean)),
  t as materialized (select * from a where not blocked),
  bl as (update trunkline.blocked b set queue_id = a.q, priority = a.p, run_at = a.due from a
    where b.id = any(array(select id from a where blocked)) and a.id = b.id and a.blocked),
  mv as (insert into trunkline.moved(id, queue_id, priority) select id, q, p from a where moved
    on conflict (id) do update set queue_id = excluded.queue_id, priority = excluded.priority),
  sc as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt, why) select id, due, q, to_lane, attempt, why from t where later),
  rd as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select q, to_lane, case when attempt = 0 then min(id) else nextval('trunkline.id') end, attempt, count(*), array_agg(id order by id)
    from (select *, (row_number() over (partition by q, to_lane, attempt order by id) - 1) / 100 b from t where not later) z
    group by q, to_lane, attempt, b
    on conflict (queue_id, priority, seq) do update set ids = excluded.ids || trunkline.ready.ids, n = excluded.n + trunkline.ready.n),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'moved', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from a having count(*) > 0)
select (select count(*) from a)::int n, (select pg_notify('trunkline', 'w') where exists (select from t where not later)
  and (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select q from t)))) woken
