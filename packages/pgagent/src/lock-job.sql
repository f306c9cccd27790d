-- Keeps others from changing a job until the end of the transaction.
-- $1 job int
select jobid from pgagent.pga_job where jobid = $1::int for update
