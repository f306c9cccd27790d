-- Ends a try of a step of a job that this worker holds. No row: it holds the job no more.
-- $1 worker int  $2 lease int8  $3 job int8  $4 name text  $5 state text  $6 error jsonb or null  $7 result jsonb or null  $8 failed tries int2
with l as materialized (select id from trunkline.lease where id = $2 and worker_id = $1 and $3::bigint = any(ids) for share)
update trunkline.step set state = $5, finished_at = now(), error = $6::jsonb, result = $7::jsonb, failed_tries = failed_tries + $8
from l where job_id = $3 and name = $4 returning no
