-- Switches a job of pg_cron on or off; its background worker hears of it by itself.
-- $1 job int8  $2 active bool
select cron.alter_job(job_id => $1::int8, active => $2::bool)
