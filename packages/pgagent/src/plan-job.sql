-- Has the next run of a job computed anew, unless it runs now.
-- $1 job int
update pgagent.pga_job set jobnextrun = null where jobid = $1::int and jobenabled and jobagentid is null
