-- Jobs by queue and place, from the counters and the small tables; the reconciler proves the counters.
with total as (
    select queue_id, status, sum(n) n from (
      select queue_id, status, n from trunkline.stat union all select queue_id, status, n from trunkline.stat_delta) s group by 1, 2),
  running as (select coalesce(m.queue_id, j.queue_id) queue_id, count(*) n
    from (select unnest(ids) id from trunkline.lease) l join trunkline.job j on j.id = l.id left join trunkline.moved m on m.id = l.id group by 1),
  scheduled as (select queue_id, count(*) n from trunkline.scheduled group by 1),
  ready as (select queue_id, sum(n) n from trunkline.ready group by 1)
select q.name queue,
  coalesce((select n from ready where queue_id = q.id), 0)::int due,
  coalesce((select n from scheduled where queue_id = q.id), 0)::int scheduled,
  coalesce((select n from running where queue_id = q.id), 0)::int running,
  coalesce((select n from total where queue_id = q.id and status = 2), 0)::float8 completed,
  coalesce((select n from total where queue_id = q.id and status = 3), 0)::float8 failed,
  coalesce((select n from total where queue_id = q.id and status = 4), 0)::float8 cancelled
from trunkline.queue q order by q.name
