-- Frees a job and has its next run computed by the trigger; a "run now" that came during the run stays, also one that came since this
-- transaction began: by the clock, not by now().
-- $1 job int  $2 next run when it was claimed timestamptz as text  $3 pid of the agent's session int
update pgagent.pga_job set jobagentid = null,
  jobnextrun = case when jobnextrun is distinct from $2::timestamptz and jobnextrun <= clock_timestamp() then jobnextrun end
where jobid = $1::int and jobagentid = $3::int
