-- The native schedules that take the place of a job; no row where it was not cut over.
-- $1 job int
select schedules, was_enabled from trunkline_pgagent.imported where jobid = $1::int
