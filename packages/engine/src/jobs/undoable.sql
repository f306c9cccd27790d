-- A bulk action that somebody wants to undo: the jobs that it changed, whether it still runs, whether it is too late.
-- $1 bulk int8  $2 window ms float8
select b.verb, coalesce(b.ended_at, b.created_at) + $2::float8 * interval '1ms' until,
  coalesce(b.ended_at, b.created_at) < now() - $2::float8 * interval '1ms' late,
  b.done < cardinality(b.ids) and exists (select from trunkline.jobs v where v.id = b.job_id and v.state in ('pending', 'running')) busy,
  (select coalesce(array_agg(r.job_id::text order by r.no), '{}') from trunkline.bulk_result r where r.bulk_id = b.id and r.ok) ids
from trunkline.bulk_run b where b.id = $1
