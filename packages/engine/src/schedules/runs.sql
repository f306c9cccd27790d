-- What became of the slots of a schedule, the latest first.
-- $1 schedule uuid  $2 before slot timestamptz or null  $3 limit int
select l.slot_at, l.manual, l.reason, l.job_id::text, l.fired_at, l.by_whom, case when l.job_id is not null then coalesce(v.state, l.state) else l.state end state,
  v.started_at, coalesce(v.finished_at, l.finished_at) finished_at, v.duration_ms::float8, v.error
from (select * from trunkline.slot where schedule_id = $1 and ($2::timestamptz is null or slot_at < $2) order by slot_at desc, manual desc limit $3) l
left join lateral (select j.state, j.started_at, j.finished_at, j.duration_ms, j.error from trunkline.jobs j where j.id = l.job_id) v on true
order by l.slot_at desc, l.manual desc
