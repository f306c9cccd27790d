-- The lanes (negated priorities, best first) of one queue in which something is due: a skip scan, one probe per lane. And whether the
-- queue has limits, or jobs with gates to pass.
-- $1 queue int
with recursive lane(p) as (
  (select priority from trunkline.ready where queue_id = $1 order by priority limit 1)
  union all
  select (select r.priority from trunkline.ready r where r.queue_id = $1 and r.priority > lane.p order by r.priority limit 1)
  from lane where lane.p is not null)
select (select array_agg(p order by p) from lane where p is not null) lanes,
  exists (select from trunkline.queue where id = $1 and limited) or exists (select from trunkline.gate where queue_id = $1) limited
