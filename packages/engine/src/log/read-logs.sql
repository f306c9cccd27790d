-- The log of a job after a line number, oldest first.
-- $1 job int8  $2 after int8  $3 limit int
select no, attempt, at, level, stage, message, context from trunkline.job_logs where job_id = $1 and no > $2 order by no limit $3
