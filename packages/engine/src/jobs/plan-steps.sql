-- Says which steps a job of this worker has, in their order; those that are there already stay. Answers all of them; no row: the worker
-- holds the job no more.
-- $1 worker int  $2 lease int8  $3 job int8  $4 attempt int2  $5 names text[]  $6 tasks text[], null where a step is none
with l as materialized (select id from trunkline.lease where id = $2 and worker_id = $1 and $3::bigint = any(ids) for share),
  p as (insert into trunkline.step(job_id, name, no, attempt, state, task, tries)
    select $3, x.name, x.no, $4, 'waiting', x.task, 0 from l, unnest($5::text[], $6::text[]) with ordinality x(name, task, no)
    on conflict (job_id, name) do nothing returning name, state)
select name, state from p
union all select s.name, s.state from l, trunkline.step s where s.job_id = $3
