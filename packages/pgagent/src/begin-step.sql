-- Opens the log row of a step; no row when the step or the run is gone.
-- $1 run int  $2 step int
insert into pgagent.pga_jobsteplog(jsljlgid, jsljstid, jslstatus)
select jlgid, jstid, 'r' from pgagent.pga_joblog, pgagent.pga_jobstep where jlgid = $1::int and jstid = $2::int
returning jslid log_id
