-- Which of these slots made a job already.
-- $1 schedule uuid  $2 slots timestamptz[]
select (extract(epoch from slot_at) * 1000)::float8 at from trunkline.slot where schedule_id = $1 and slot_at = any($2::timestamptz[]) and not manual and job_id is not null
