-- Deletes the steps of a job but these, with what was logged of them.
-- $1 job int  $2 those that stay int[]
delete from pgagent.pga_jobstep where jstjobid = $1::int and jstid <> all($2::int[])
