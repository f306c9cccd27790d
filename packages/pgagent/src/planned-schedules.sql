-- The schedules that start jobs, with their jobs.
select s.jscid, j.jobid, j.jobname, s.jscname from pgagent.pga_schedule s join pgagent.pga_job j on j.jobid = s.jscjobid
where j.jobenabled and s.jscenabled order by j.jobid, s.jscid
