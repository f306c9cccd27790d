-- Skips steps of a job that this worker holds, as far as they wait. No row: it holds the job no more.
-- $1 worker int  $2 lease int8  $3 job int8  $4 names text[]
with l as materialized (select id from trunkline.lease where id = $2 and worker_id = $1 and $3::bigint = any(ids) for share),
  s as (update trunkline.step s set state = 'skipped' from l where s.job_id = $3 and s.name = any($4::text[]) and s.state = 'waiting' returning s.name)
select l.id from l
