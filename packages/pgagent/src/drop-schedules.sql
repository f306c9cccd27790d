-- Deletes the schedules of a job but these.
-- $1 job int  $2 those that stay int[]
delete from pgagent.pga_schedule where jscjobid = $1::int and jscid <> all($2::int[])
