-- The counters against the history: what was counted, and what is there or was removed by retention. One row per difference.
with counted as (
    select queue_id, task_id, case status when 5 then 5 else status end status, sum(n)::int8 n
    from (select queue_id, task_id, status, n from trunkline.stat union all select queue_id, task_id, status, n from trunkline.stat_delta) s
    where status in (2, 3, 4, 5) group by 1, 2, 3),
  there as (
    select queue_id, task_id, status, sum(n)::int8 n from (
      select queue_id, task_id, status, count(*) n from trunkline.outcome group by 1, 2, 3
      union all select queue_id, task_id, status, n from trunkline.expired) z group by 1, 2, 3)
select q.name queue, t.name task, coalesce(c.status, h.status)::int status, coalesce(c.n, 0)::float8 counted, coalesce(h.n, 0)::float8 there,
  coalesce(c.queue_id, h.queue_id) queue_id, coalesce(c.task_id, h.task_id) task_id
from counted c full join there h on h.queue_id = c.queue_id and h.task_id = c.task_id and h.status = c.status
  join trunkline.queue q on q.id = coalesce(c.queue_id, h.queue_id) join trunkline.task t on t.id = coalesce(c.task_id, h.task_id)
where coalesce(c.n, 0) <> coalesce(h.n, 0)
