-- Keeps a finished step of a job that this worker still holds. No row: it holds the job no more.
-- $1 worker int  $2 lease int8  $3 job int8  $4 name text  $5 attempt int2  $6 duration in µs int8  $7 result jsonb or null
with l as materialized (select id from trunkline.lease where id = $2 and worker_id = $1 and $3::bigint = any(ids) for share)
insert into trunkline.step(job_id, name, no, attempt, started_at, finished_at, result)
select $3, $4, coalesce((select max(no) + 1 from trunkline.step where job_id = $3), 1), $5, now() - $6::int8 * interval '1us', now(), $7::jsonb from l
on conflict (job_id, name) do update set attempt = excluded.attempt, started_at = excluded.started_at, finished_at = excluded.finished_at,
  result = excluded.result, state = 'completed', error = null
returning no
