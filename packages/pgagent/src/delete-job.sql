-- Deletes a job with its steps, schedules and log; no row when there is none such.
-- $1 job int
with settings as (delete from trunkline_pgagent.job_setting where jobid = $1::int),
  notices as (delete from trunkline_pgagent.step_notice where jslid in (
    select s.jslid from pgagent.pga_jobsteplog s join pgagent.pga_joblog l on l.jlgid = s.jsljlgid where l.jlgjobid = $1::int)),
  step_settings as (delete from trunkline_pgagent.step_setting where jstid in (select jstid from pgagent.pga_jobstep where jstjobid = $1::int))
delete from pgagent.pga_job where jobid = $1::int returning jobid id
