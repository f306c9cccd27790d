-- What a job has no columns for.
-- $1 job int  $2 time zone text or null  $3 timeout bigint or null
insert into trunkline_pgagent.job_setting(jobid, timezone, timeout_ms) values ($1::int, $2::text, $3::bigint)
on conflict (jobid) do update set timezone = excluded.timezone, timeout_ms = excluded.timeout_ms
