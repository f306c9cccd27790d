-- Frees a job whose next run cannot be computed: it waits until its schedule is edited.
-- $1 job int  $2 pid of the agent's session int
update pgagent.pga_job set jobagentid = null, jobnextrun = 'infinity' where jobid = $1::int and jobagentid = $2::int
