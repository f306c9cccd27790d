-- Moves due jobs from scheduled to the end of their lanes. Answers how many, and in how many ms the next one is due.
-- $1 at most int
with d as (delete from trunkline.scheduled
    where id = any(array(select id from trunkline.scheduled where run_at <= now() order by run_at limit $1 for update skip locked)) returning *),
  r as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select queue_id, priority, nextval('trunkline.id'), attempt, count(*), array_agg(id order by run_at, id)
    from (select *, (row_number() over (partition by queue_id, priority, attempt order by run_at, id) - 1) / 100 b from d) z
    group by queue_id, priority, attempt, b),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'promoted', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from d having count(*) > 0)
select count(*)::int n,
  (select greatest(0, extract(epoch from run_at - now()) * 1000)::float8 from trunkline.scheduled where run_at > now() order by run_at limit 1) next_ms,
  (select pg_notify('trunkline', 'w') where (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select queue_id from d)))) woken
from d
