-- Makes counters coarser as they age: minutes older than $1 become hours, hours older than $2 become days.
-- $1 interval  $2 interval
with d as (delete from trunkline.stat
    where (minute < now() - $1::interval and minute <> date_trunc('hour', minute, 'UTC'))
      or (minute < now() - $2::interval and minute <> date_trunc('day', minute, 'UTC')) returning *),
  g as (select date_trunc(case when minute < now() - $2::interval then 'day' else 'hour' end, minute, 'UTC') at, queue_id, task_id, status, sum(n) n, sum(sum_us) us
    from d group by 1, 2, 3, 4),
  i as (insert into trunkline.stat as s (minute, queue_id, task_id, status, n, sum_us) select * from g
    on conflict (minute, queue_id, task_id, status) do update set n = s.n + excluded.n, sum_us = s.sum_us + excluded.sum_us)
select count(*)::int n from d
