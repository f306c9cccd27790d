-- Asks an agent of ours to run one step of a job alone; no row when the job has none such, or runs now.
-- $1 job int  $2 step int  $3 by whom text
insert into trunkline_pgagent.step_wanted(jstid, wanted_by)
select jstid, $3::text from pgagent.pga_jobstep join pgagent.pga_job on jobid = jstjobid
where jobid = $1::int and jstid = $2::int and jobagentid is null
on conflict (jstid) do update set wanted_by = excluded.wanted_by, wanted_at = now() returning jstid id
