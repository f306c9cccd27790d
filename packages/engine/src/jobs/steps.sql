-- The finished steps of a job, in the order in which they finished.
-- $1 job int8
select name, attempt + 1 attempt, started_at, finished_at, result from trunkline.step where job_id = $1 order by no
