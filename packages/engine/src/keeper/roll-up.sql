-- Adds the counter deltas of ended transactions to the counters.
-- $1 deltas at most int
with d as (delete from trunkline.stat_delta where ctid = any(array(select ctid from trunkline.stat_delta limit $1)) returning *),
  g as (select minute, queue_id, task_id, status, sum(n) n, sum(sum_us) us from d group by 1, 2, 3, 4),
  i as (insert into trunkline.stat as s (minute, queue_id, task_id, status, n, sum_us) select * from g
    on conflict (minute, queue_id, task_id, status) do update set n = s.n + excluded.n, sum_us = s.sum_us + excluded.sum_us)
select count(*)::int n from d
