-- Closes the runs of agents whose session is gone, ends the sessions of their steps on this server, and frees their jobs.
-- $1 run them again now boolean
with dead as materialized (
    select jagpid from pgagent.pga_jobagent where not exists (select from pg_stat_activity where pid = jagpid)),
  lost as (
    update pgagent.pga_job set jobagentid = null, jobnextrun = case when $1::boolean then now() end
    where jobagentid in (select jagpid from dead) returning jobid),
  runs as (update pgagent.pga_joblog set jlgstatus = 'd' where jlgstatus = 'r' and jlgjobid in (select jobid from lost) returning jlgid),
  steps as (update pgagent.pga_jobsteplog set jslstatus = 'd' where jslstatus = 'r' and jsljlgid in (select jlgid from runs) returning jslid),
  ended as (select pg_terminate_backend(a.pid) from pg_stat_activity a join runs on a.application_name = 'pgagent step ' || runs.jlgid)
select (select count(*) from runs)::int runs, (select count(*) from steps)::int steps, (select count(*) from ended)::int sessions
