-- The jobs of a schema, with what runs, the last run and the next.
select j.jobid id, j.jobname name, c.jclname class, j.jobenabled is_enabled, j.jobhostagent host_agent, j.jobagentid agent, j.joblastrun last_run,
  case when isfinite(j.jobnextrun) then j.jobnextrun end next_run, j.jobnextrun = 'infinity' is_parked,
  j.jobagentid is not null and not exists (select from pg_stat_activity where pid = j.jobagentid) claimed_by_dead,
  l.jlgid last_log, l.jlgstatus last_status, extract(epoch from l.jlgduration) * 1000 last_ms,
  (select s.jsloutput from pgagent.pga_jobsteplog s where s.jsljlgid = l.jlgid and s.jslstatus in ('f', 'i') order by s.jslid desc limit 1) last_failure
from pgagent.pga_job j join pgagent.pga_jobclass c on c.jclid = j.jobjclid
  left join lateral (select jlgid, jlgstatus, jlgduration from pgagent.pga_joblog where jlgjobid = j.jobid order by jlgid desc limit 1) l on true
order by j.jobname, j.jobid
