-- Begins a try of a step of a job that this worker holds; the try before it, if there was one, joins the earlier ones. Answers how many tries
-- have failed within this attempt of the job, and what became of the try before. No row: the worker holds the job no more.
-- $1 worker int  $2 lease int8  $3 job int8  $4 name text  $5 attempt int2
with l as materialized (select id from trunkline.lease where id = $2 and worker_id = $1 and $3::bigint = any(ids) for share),
  before as materialized (select s.*,
      -- one that still ran when the next begins has died with its worker
      case when s.state = 'running' then 'crashed' when s.state = 'waiting' then case when s.error is null then 'handed_back' else 'failed' end
        else s.state end became
    from trunkline.step s where s.job_id = $3 and s.name = $4),
  b as (insert into trunkline.step as s (job_id, name, no, attempt, state, started_at)
    select $3, $4, coalesce((select max(no) + 1 from trunkline.step where job_id = $3), 1), $5, 'running', now() from l
    on conflict (job_id, name) do update set state = 'running', attempt = excluded.attempt, started_at = now(), finished_at = null,
      error = null, result = null, tries = s.tries + 1, failed_tries = case when s.attempt = excluded.attempt then s.failed_tries else 0 end,
      earlier = case when s.tries = 0 then s.earlier else (select jsonb_path_query_array(
          coalesce(s.earlier, '[]') || jsonb_build_array(jsonb_build_object('attempt', p.attempt + 1, 'state', p.became,
            'startedAt', p.started_at, 'finishedAt', p.finished_at, 'error', p.error)),
          '$[$from to last]', jsonb_build_object('from', greatest(0, jsonb_array_length(coalesce(s.earlier, '[]')) - 19))) from before p) end
    returning s.failed_tries)
select b.failed_tries, (select became from before where tries > 0) became from b
