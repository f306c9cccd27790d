-- Puts jobs that were taken out into the queue, priority or time that was asked for. A job goes to its natural place in the lane
-- it then belongs to; a retry's attempt number stays; a crash suspect stays in the isolation lane.
-- $1 what take-out answered jsonb  $2 queue int or null  $3 negated priority int2 or null  $4 run at timestamptz or null
with t as materialized (
    select id, place, attempt, why, lane, coalesce($2::int, queue_id) q, coalesce($3::int2 + case when own_lane between 900 and 1100 then 1000 else 0 end, own_lane)::int2 p,
      case when $4::timestamptz is not null then $4 when place in ('scheduled', 'debounce') then run_at end due
    from jsonb_to_recordset($1::jsonb) x(id bigint, place text, queue_id int, lane smallint, own_lane smallint, attempt smallint, run_at timestamptz, why smallint)
    where place in ('ready', 'scheduled', 'debounce')),
  w as materialized (select *, coalesce(due > now(), false) later from t),
  -- those that wait for others were locked, not taken out: they change where they are
  bl as (update trunkline.blocked b set queue_id = coalesce($2::int, b.queue_id), priority = coalesce($3::int2 + case when b.priority between 900 and 1100 then 1000 else 0 end, b.priority), run_at = coalesce($4::timestamptz, b.run_at)
    where b.id = any(array(select id from jsonb_to_recordset($1::jsonb) x(id bigint, place text) where place = 'blocked')) returning b.id, b.queue_id, b.priority),
  mv as (insert into trunkline.moved(id, queue_id, priority)
    select id, q, p from (select id, q, p from w union all select id, queue_id, priority from bl) z where $2 is not null or $3 is not null
    on conflict (id) do update set queue_id = excluded.queue_id, priority = excluded.priority),
  sc as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt, why)
    select id, due, q, case when lane = 32767 then lane else p end, attempt, why from w where later),
  rd as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select q, lane, case when attempt = 0 then min(id) else nextval('trunkline.id') end, attempt, count(*), array_agg(id order by id)
    from (select *, (row_number() over (partition by q, lane, attempt order by id) - 1) / 100 b
      from (select id, q, attempt, case when lane = 32767 then lane else p end lane from w where not later) z) y
    group by q, lane, attempt, b
    on conflict (queue_id, priority, seq) do update set ids = excluded.ids || trunkline.ready.ids, n = excluded.n + trunkline.ready.n),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'moved', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from (select id from w union all select id from bl) z having count(*) > 0)
select (select count(*) from bl)::int + count(*)::int n, (select pg_notify('trunkline', 'w') where exists (select from w where not later)
  and (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select q from w)))) woken from w
