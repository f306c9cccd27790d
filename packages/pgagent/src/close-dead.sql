-- Closes the runs of agents whose session is gone, ends the sessions of their steps on this server, and frees their jobs.
-- One that died between the end of its run and its next time is not run again: its run has ended.
-- $1 run them again now boolean
with dead as materialized (
    select jagpid from pgagent.pga_jobagent where not exists (select from pg_stat_activity where pid = jagpid)),
  lost as (
    update pgagent.pga_job set jobagentid = null, jobnextrun = case
      -- only one step of it ran: its own next run stays, and all of it is not run instead
      when exists (select from pgagent.pga_joblog l join trunkline_pgagent.step_run r on r.jlgid = l.jlgid
        where l.jlgjobid = jobid and l.jlgstatus = 'r') then jobnextrun
      when $1::boolean and exists (select from pgagent.pga_joblog l where l.jlgjobid = jobid and l.jlgstatus = 'r') then now() end
    where jobagentid in (select jagpid from dead) returning jobid),
  runs as (update pgagent.pga_joblog set jlgstatus = 'd' where jlgstatus = 'r' and jlgjobid in (select jobid from lost) returning jlgid),
  steps as (update pgagent.pga_jobsteplog set jslstatus = 'd' where jslstatus = 'r' and jsljlgid in (select jlgid from runs) returning jslid),
  ended as (select pg_terminate_backend(a.pid) from pg_stat_activity a join runs on a.application_name = trunkline_pgagent.session_of(runs.jlgid))
select (select count(*) from runs)::int runs, (select count(*) from steps)::int steps, (select count(*) from ended)::int sessions
