-- The enabled steps of a job in the order they run.
-- $1 job int
select pga_jobstep.jstid id, jstkind kind, jstcode code, jstdbname dbname, jstconnstr connstr, jstonerror on_error,
  coalesce(s.timeout_ms, (select timeout_ms from trunkline_pgagent.job_setting where jobid = jstjobid))::int timeout_ms
from pgagent.pga_jobstep left join trunkline_pgagent.step_setting s on s.jstid = pga_jobstep.jstid
where jstenabled and jstjobid = $1::int order by jstname, pga_jobstep.jstid
