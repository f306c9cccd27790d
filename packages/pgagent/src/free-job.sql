-- Frees a job and has its next run computed by the trigger; a "run now" that came during the run stays.
-- $1 job int  $2 next run when it was claimed timestamptz as text  $3 pid of the agent's session int
update pgagent.pga_job set jobagentid = null,
  jobnextrun = case when jobnextrun is distinct from $2::timestamptz and jobnextrun <= now() then jobnextrun end
where jobid = $1::int and jobagentid = $3::int
