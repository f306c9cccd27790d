-- What a bulk action has kept of these jobs.
-- $1 bulk int8  $2 ids int8[]
select r.job_id::text id, r.before from trunkline.bulk_result r where r.bulk_id = $1 and r.job_id = any($2::bigint[]) and r.before is not null
