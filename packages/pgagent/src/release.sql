-- Frees a job whose agent is gone and closes its run as aborted; no row when it is not held by such a one.
-- $1 job int
with j as (
    update pgagent.pga_job set jobagentid = null, jobnextrun = null
    where jobid = $1::int and jobagentid is not null and not exists (select from pg_stat_activity where pid = jobagentid) returning jobid),
  runs as (update pgagent.pga_joblog l set jlgstatus = 'd' from j where l.jlgjobid = j.jobid and l.jlgstatus = 'r' returning jlgid),
  steps as (update pgagent.pga_jobsteplog s set jslstatus = 'd' from runs where s.jsljlgid = runs.jlgid and s.jslstatus = 'r' returning jslid)
select jobid, (select count(*) from steps)::int steps from j
