-- Closes the log row of a run. The job is freed by a transaction of its own, which may fail.
-- $1 log row int  $2 status text
update pgagent.pga_joblog set jlgstatus = $2::text, jlgduration = now() - jlgstart where jlgid = $1::int and jlgstatus = 'r'
