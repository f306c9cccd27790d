-- Asks the agent that runs it to end a run; no row when it is not running.
-- $1 run int  $2 by whom text
insert into trunkline_pgagent.cancel(jlgid, wanted_by) select jlgid, $2::text from pgagent.pga_joblog where jlgid = $1::int and jlgstatus = 'r'
on conflict (jlgid) do update set wanted_at = now() returning jlgid
