-- Forgets that a job was cut over.
-- $1 job int
delete from trunkline_pgagent.imported where jobid = $1::int
