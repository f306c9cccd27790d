-- Queues with their jobs by place, from the counters and the small tables; the reconciler proves the counters.
with total as (
    select queue_id, status, sum(n) n from (
      select queue_id, status, n from trunkline.stat union all select queue_id, status, n from trunkline.stat_delta) s group by 1, 2),
  running as (select coalesce(m.queue_id, j.queue_id) queue_id, count(*) n
    from (select unnest(ids) id from trunkline.lease) l join trunkline.job j on j.id = l.id left join trunkline.moved m on m.id = l.id group by 1),
  timed as (select queue_id, count(*) n from (select queue_id from trunkline.scheduled union all select queue_id from trunkline.debounce) s group by 1),
  blocked as (select queue_id, count(*) n from trunkline.blocked group by 1),
  held as (select queue_id, count(*) n from trunkline.held group by 1),
  ready as (select queue_id, sum(n) n from trunkline.ready group by 1)
select q.name queue,
  coalesce((select n from ready where queue_id = q.id), 0)::int due,
  coalesce((select n from held where queue_id = q.id), 0)::int held,
  coalesce((select n from timed where queue_id = q.id), 0)::int scheduled,
  coalesce((select n from blocked where queue_id = q.id), 0)::int blocked,
  coalesce((select n from running where queue_id = q.id), 0)::int running,
  coalesce((select n from total where queue_id = q.id and status = 2), 0)::float8 completed,
  coalesce((select n from total where queue_id = q.id and status = 3), 0)::float8 failed,
  coalesce((select sum(n) from total where queue_id = q.id and status in (4, 5)), 0)::float8 cancelled,
  (select count(*) from trunkline.worker w where q.name = any(w.queues) and w.beat > now() - interval '30 s')::int workers,
  case when q.paused_at is not null and (q.paused_until is null or q.paused_until > now())
    then json_build_object('since', q.paused_at, 'until', q.paused_until, 'reason', q.paused_reason, 'by', q.paused_by) end paused,
  (select json_build_object('level', h.level, 'since', h.since, 'crossed', h.crossed, 'thresholds', h.thresholds)
    from trunkline.queue_health h where h.queue_id = q.id) health
from trunkline.queue q order by q.name
