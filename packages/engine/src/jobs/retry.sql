-- Runs failed and cancelled jobs again, with a fresh allowance of attempts: the outcome becomes an attempt row, the earlier
-- attempts no longer count (kind + 10), and the job stands at the end of its lane. Run after lock-for-retry, in its transaction.
-- Answers reopened, or why not: gone, a state, replaced, key_taken (an unfinished job holds its key), expiring (retention takes it).
-- $1 ids int8[]
with i as materialized (select distinct u id from unnest($1::bigint[]) u),
  c as materialized (
    select i.id, j.task_id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) p, o.id is not null ended, o.status, j.queue_id key_queue, j.key,
      h.id is not null or (j.id is null and not exists (select from trunkline.debounce d where d.id = i.id)) gone,
      exists (select from trunkline.id_range r where r.no = i.id / 500000 and r.closing_at is not null) closing,
      j.key is not null and exists (select from trunkline.key x where x.queue_id = j.queue_id and x.kind = 0 and x.key = j.key and x.id <> j.id and x.mode <> 4
        and exists (select from trunkline.job y where y.id = x.id) and not exists (select from trunkline.outcome y where y.id = x.id)) taken,
      -- of several ended jobs with one key only the newest comes back
      j.key is not null and row_number() over (partition by j.queue_id, j.key, o.status in (3, 4) order by i.id desc) > 1 twin
    from i left join trunkline.job j on j.id = i.id left join trunkline.moved m on m.id = i.id
      left join trunkline.outcome o on o.id = i.id left join trunkline.hidden h on h.id = i.id),
  ok as materialized (select * from c where not gone and status in (3, 4) and not closing and not taken and not twin),
  o as (delete from trunkline.outcome where id = any(array(select id from ok)) and status in (3, 4) returning *),
  a as (insert into trunkline.attempt(id, attempt, kind, worker_id, started_at, finished_at, error)
    select id, attempt, case when status = 4 then 14 when error ->> 'reason' = 'crash_limit' then 12 else 11 end, worker_id, started_at, finished_at, error
    from o where started_at is not null),
  e as (update trunkline.attempt set kind = kind + 10 where id = any(array(select id from o)) and kind < 10),
  -- one that never began waits again for parents that have not ended, and for those that are retried with it; a parent that ends beside
  -- us is looked for later. Parents that ended badly and are left alone do not hold it: that was for whoever retries it to know
  dp as materialized (
    select y.child, y.parent, y.open from trunkline.dependency y left join trunkline.outcome p on p.id = y.parent
    where y.child = any(array(select id from o where started_at is null)) and (p.id is null or (p.status <> 2 and y.parent = any($1::bigint[])))),
  ro as (update trunkline.dependency y set open = true from dp
    where y.child = any(array(select child from dp where not open)) and y.child = dp.child and y.parent = dp.parent and not dp.open),
  bl as (insert into trunkline.blocked(id, queue_id, priority, parents_left)
    select ok.id, ok.q, ok.p, n from ok join (select child, count(*) n from dp group by 1) d on d.child = ok.id),
  la as (insert into trunkline.late(parent, child) select parent, child from dp),
  r as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select q, p, nextval('trunkline.id'), na, count(*), array_agg(id order by id)
    from (select ok.id, ok.q, ok.p, o.attempt + (o.started_at is not null)::int na,
        (row_number() over (partition by ok.q, ok.p, o.attempt + (o.started_at is not null)::int order by ok.id) - 1) / 100 b
      from o join ok on ok.id = o.id where ok.id not in (select child from dp)) z
    group by q, p, na, b),
  w as (delete from trunkline.cancel_wanted where id = any(array(select id from o))),
  -- its time is set as well: the sweep of free keys trusts no row that is younger than its look
  k as (update trunkline.key x set id = ok.id, at = clock_timestamp() from ok
    where ok.key is not null and x.queue_id = ok.key_queue and x.kind = 0 and x.key = ok.key and x.mode <> 4),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), ok.q, ok.task_id, x.status, sum(x.n), 0 from o join ok on ok.id = o.id, lateral (values (21, 1), (o.status::int, -1)) x(status, n) group by 2, 3, 4),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'reopened', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end) from o having count(*) > 0)
select c.id::text, case
    when c.gone then 'gone'
    when exists (select from o where o.id = c.id) then 'reopened'
    when c.status = 5 then 'replaced'
    when c.closing and c.ended then 'expiring'
    when c.status in (3, 4) and (c.taken or c.twin) then 'key_taken'
    else (select v.state from trunkline.jobs v where v.id = c.id) end was,
  (select pg_notify('trunkline', 'w') where exists (select from o)) woken
from c
