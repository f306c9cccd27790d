-- The number of the last line in the log of a job; 0 without any.
-- $1 job int8
select coalesce(max(no), 0)::text no from trunkline.job_logs where job_id = $1
