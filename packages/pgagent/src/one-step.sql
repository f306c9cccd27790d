-- One step, enabled or not.
-- $1 step int
select pga_jobstep.jstid id, jstkind kind, jstcode code, jstdbname dbname, jstconnstr connstr, jstonerror on_error,
  coalesce(s.timeout_ms, (select timeout_ms from trunkline_pgagent.job_setting where jobid = jstjobid))::int timeout_ms
from pgagent.pga_jobstep left join trunkline_pgagent.step_setting s on s.jstid = pga_jobstep.jstid
where pga_jobstep.jstid = $1::int
