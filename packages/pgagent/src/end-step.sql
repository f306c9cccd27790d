-- Closes the log row of a step; no row when it is gone, or closed by somebody who took this agent for dead.
-- $1 log row int  $2 status text  $3 result int  $4 output text
update pgagent.pga_jobsteplog set jslduration = now() - jslstart, jslresult = $3::int, jslstatus = $2::text, jsloutput = $4::text
where jslid = $1::int and jslstatus = 'r' returning jslid
