-- Runs with the state of each step, without output; newest first.
-- $1 job int or null  $2 below this run int or null  $3 limit int  $4 one run int or null
select l.jlgid id, l.jlgjobid job_id, j.jobname job, l.jlgstatus status, l.jlgstart started_at, round(extract(epoch from l.jlgduration) * 1000)::float8 ms,
  (select jstid from trunkline_pgagent.step_run where jlgid = l.jlgid) only_step,
  (select coalesce(json_agg(json_build_object('id', s.jslid, 'stepId', s.jsljstid, 'step', t.jstname, 'status', s.jslstatus, 'result', s.jslresult,
      'startedAt', s.jslstart, 'ms', round(extract(epoch from s.jslduration) * 1000), 'outputLength', coalesce(length(s.jsloutput), 0),
      'output', case when $4::int is not null then s.jsloutput end,
      'notices', case when $4::int is not null then (select n.notices from trunkline_pgagent.step_notice n where n.jslid = s.jslid) end) order by s.jslid), '[]')
    from pgagent.pga_jobsteplog s join pgagent.pga_jobstep t on t.jstid = s.jsljstid where s.jsljlgid = l.jlgid) steps
from pgagent.pga_joblog l join pgagent.pga_job j on j.jobid = l.jlgjobid
where ($1::int is null or l.jlgjobid = $1::int) and ($2::int is null or l.jlgid < $2::int) and ($4::int is null or l.jlgid = $4::int)
order by l.jlgid desc limit $3::int
