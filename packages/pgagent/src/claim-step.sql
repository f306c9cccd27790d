-- Claims a job for one step of it that somebody wants to run, and opens its log row. Its next run stays as it is.
-- $1 pid of the agent's session int  $2 host name text
with wanted as materialized (
    select s.jstid, w.wanted_by, j.jobid, j.jobname from trunkline_pgagent.step_wanted w
      join pgagent.pga_jobstep s on s.jstid = w.jstid join pgagent.pga_job j on j.jobid = s.jstjobid
    -- what nobody ran for an hour is not expected any more
    where j.jobagentid is null and j.jobhostagent in ('', $2::text) and w.wanted_at > now() - interval '1 hour'
    order by w.wanted_at limit 1 for update of w, j skip locked),
  claimed as (update pgagent.pga_job j set jobagentid = $1::int from wanted where j.jobid = wanted.jobid and j.jobagentid is null returning j.jobid),
  done as (delete from trunkline_pgagent.step_wanted w using wanted, claimed where w.jstid = wanted.jstid),
  logged as (insert into pgagent.pga_joblog(jlgjobid, jlgstatus) select jobid, 'r' from claimed returning jlgid),
  noted as (insert into trunkline_pgagent.step_run(jlgid, jstid, wanted_by) select jlgid, jstid, wanted_by from logged, wanted)
select w.jobid job_id, w.jobname, l.jlgid log_id, w.jstid step_id, trunkline_pgagent.session_of(l.jlgid) session from wanted w, logged l
