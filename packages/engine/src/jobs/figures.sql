-- What happened to jobs in all, by queue and task, from the counters.
-- Answers added, completed, failed, cancelled, failed tries, crashes, and the milliseconds that completed jobs took.
select q.name queue, t.name task, coalesce(sum(n) filter (where status = 0), 0)::float8 added, coalesce(sum(n) filter (where status = 2), 0)::float8 completed,
  coalesce(sum(n) filter (where status = 3), 0)::float8 failed, coalesce(sum(n) filter (where status in (4, 5)), 0)::float8 cancelled,
  coalesce(sum(n) filter (where status = 11), 0)::float8 failed_tries, coalesce(sum(n) filter (where status = 20), 0)::float8 crashed,
  coalesce(sum(sum_us) filter (where status = 2), 0)::float8 / 1000 busy_ms
from (select queue_id, task_id, status, n, sum_us from trunkline.stat union all select queue_id, task_id, status, n, sum_us from trunkline.stat_delta) s
join trunkline.queue q on q.id = s.queue_id join trunkline.task t on t.id = s.task_id group by 1, 2
