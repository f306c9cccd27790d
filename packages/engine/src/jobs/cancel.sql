-- Cancels one job: a waiting one at once, a running one by asking its worker. Answers waiting, scheduled, asked, done (it had
-- ended before), again (it moved between two places while we looked) or gone (there is no such job).
-- $1 id int8  $2 by whom text
with w as materialized (
    select j.id, j.task_id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) p
    from trunkline.job j left join trunkline.moved m using (id) where j.id = $1),
  -- first near its own number, where it stands unless it was put back; then the whole queue
  n as materialized (select q, p, seq from (
      select w.q, w.p, y.seq from w, lateral (
        select seq, ids from trunkline.ready where queue_id = w.q and priority = w.p and seq <= w.id order by seq desc limit 64) y
      where w.id = any(y.ids)
      union all
      select w.q, r.priority, r.seq from w join trunkline.ready r on r.queue_id = w.q and w.id = any(r.ids)) a
    limit 1),
  s as materialized (
    select r.queue_id, r.priority, r.seq, r.attempt, r.ids from trunkline.ready r join n on r.queue_id = n.q and r.priority = n.p and r.seq = n.seq
    where $1 = any(r.ids) for update of r),
  d as (delete from trunkline.ready r using s
    where r.queue_id = s.queue_id and r.priority = s.priority and r.seq = s.seq and cardinality(s.ids) = 1),
  u as (update trunkline.ready r set ids = array_remove(s.ids, $1), n = cardinality(s.ids) - 1 from s
    where r.queue_id = s.queue_id and r.priority = s.priority and r.seq = s.seq and cardinality(s.ids) > 1),
  sc as (delete from trunkline.scheduled where id = $1 returning attempt),
  g as materialized (select attempt, 'waiting' was from s union all select attempt, 'scheduled' from sc),
  ls as materialized (select worker_id from trunkline.lease where ids @> array[$1::bigint] and not exists (select from g)),
  cw as (insert into trunkline.cancel_wanted(id, worker_id, by_whom) select $1, worker_id, $2 from ls
    on conflict (id) do update set worker_id = excluded.worker_id),
  oc as (insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at, result)
    select w.id, 4, g.attempt, w.q, w.task_id, now(), jsonb_build_object('by', $2::text) from w, g returning id),
  sd as (insert into trunkline.stat_delta select date_trunc('minute', now()), q, task_id, 4, 1, 0 from w, g),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'cancelled', jsonb_build_object('n', count(*), 'ids', jsonb_agg(id)) from oc having count(*) > 0)
select coalesce((select was from g), (select 'asked' from ls), (select 'done' from trunkline.outcome where id = $1), (select 'again' from w), 'gone') was,
  (select pg_notify('trunkline', 'c') from ls) told
