-- Notes which native schedules take the place of a job, and whether it was enabled before the first of them was made.
-- $1 job int  $2 schedules text[]  $3 by whom text
insert into trunkline_pgagent.imported(jobid, schedules, was_enabled, imported_by)
select jobid, $2::text[], jobenabled, $3::text from pgagent.pga_job where jobid = $1::int
on conflict (jobid) do update set schedules = excluded.schedules
