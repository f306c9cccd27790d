-- Puts jobs whose cancellation is undone back where they waited, with the attempts and the time that they had; those that waited for
-- others do so again, for every parent that has not completed. Run after lock-for-retry, in its transaction. Only the cancellation that is undone: `at` is its time, and no other outcome has it.
-- Answers restored, or why not: gone, a state, key_taken (an unfinished job holds its key), expiring (retention takes it).
-- $1 jobs jsonb [{id, queue_id, lane, own_lane, attempt, run_at, why, at}]
with i as materialized (
    select * from jsonb_to_recordset($1::jsonb) x(id bigint, queue_id int, lane smallint, own_lane smallint, attempt smallint, run_at timestamptz, why smallint, at timestamptz)),
  c as materialized (
    select i.id, i.queue_id, i.own_lane, i.attempt, i.run_at, i.why, i.at, case when i.own_lane between 900 and 1100 then i.own_lane else i.lane end lane, j.task_id, j.queue_id key_queue, j.key, o.status, o.finished_at, o.started_at,
      h.id is not null or j.id is null gone,
      exists (select from trunkline.id_range r where r.no = i.id / 500000 and r.closing_at is not null) closing,
      j.key is not null and exists (select from trunkline.key x where x.queue_id = j.queue_id and x.kind = 0 and x.key = j.key and x.id <> j.id and x.mode <> 4
        and exists (select from trunkline.job y where y.id = x.id) and not exists (select from trunkline.outcome y where y.id = x.id)) taken,
      j.key is not null and row_number() over (partition by j.queue_id, j.key, o.status = 4 order by i.id desc) > 1 twin
    from i left join trunkline.job j on j.id = i.id left join trunkline.outcome o on o.id = i.id left join trunkline.hidden h on h.id = i.id),
  mine as materialized (select *, not gone and status = 4 and started_at is null and finished_at = at ours from c),
  o as (delete from trunkline.outcome where id = any(array(select id from mine where ours and not closing and not taken and not twin)) and status = 4 returning id),
  ok as materialized (select m.*, coalesce(m.run_at > now(), false) later from o join mine m on m.id = o.id),
  dp as materialized (
    select y.child, y.parent, y.open from trunkline.dependency y left join trunkline.outcome p on p.id = y.parent
    where y.child = any(array(select id from ok)) and p.status is distinct from 2
      and not (y.policy = 1 and p.id is not null and y.parent <> all(array(select id from ok)))),
  ro as (update trunkline.dependency y set open = true from dp
    where y.child = any(array(select child from dp where not open)) and y.child = dp.child and y.parent = dp.parent and not dp.open),
  bl as (insert into trunkline.blocked(id, queue_id, priority, run_at, parents_left)
    select ok.id, ok.queue_id, ok.lane, ok.run_at, n from ok join (select child, count(*) n from dp group by 1) d on d.child = ok.id),
  la as (insert into trunkline.late(parent, child) select parent, child from dp),
  free as materialized (select * from ok where id not in (select child from dp)),
  s as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt, why) select id, run_at, queue_id, lane, attempt, why from free where later),
  r as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select queue_id, lane, case when attempt = 0 then min(id) else nextval('trunkline.id') end, attempt, count(*), array_agg(id order by id)
    from (select *, (row_number() over (partition by queue_id, lane, attempt order by id) - 1) / 100 b from free where not later) z
    group by queue_id, lane, attempt, b
    on conflict (queue_id, priority, seq) do update set ids = excluded.ids || trunkline.ready.ids, n = excluded.n + trunkline.ready.n),
  -- its time is set as well: the sweep of free keys trusts no row that is younger than its look
  k as (update trunkline.key x set id = ok.id, at = clock_timestamp() from ok
    where ok.key is not null and x.queue_id = ok.key_queue and x.kind = 0 and x.key = ok.key and x.mode <> 4),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), ok.queue_id, ok.task_id, x.status, sum(x.n), 0 from ok, lateral (values (21, 1), (4, -1)) x(status, n) group by 2, 3, 4),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'reopened', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end) from ok having count(*) > 0)
select m.id::text, case
    when m.gone then 'gone'
    when exists (select from ok where ok.id = m.id) then 'restored'
    when m.ours and m.closing then 'expiring'
    when m.ours then 'key_taken'
    when m.status = 4 then 'changed'
    else (select v.state from trunkline.jobs v where v.id = m.id) end was,
  (select pg_notify('trunkline', 'w') where exists (select from free where not later)) woken
from mine m
