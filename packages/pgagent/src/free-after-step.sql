-- Frees a job of which one step has run; its next run stays as it is.
-- $1 job int  $2 pid of the agent's session int
update pgagent.pga_job set jobagentid = null where jobid = $1::int and jobagentid = $2::int
