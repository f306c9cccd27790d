-- The latest runs of a job, or of all, with their steps; newest first.
-- $1 job int or null  $2 limit int
select l.jlgid id, l.jlgjobid job_id, j.jobname job, l.jlgstatus status, l.jlgstart started_at, extract(epoch from l.jlgduration) * 1000 ms,
  (select coalesce(json_agg(json_build_object('id', s.jslid, 'stepId', s.jsljstid, 'step', t.jstname, 'status', s.jslstatus, 'result', s.jslresult,
      'startedAt', s.jslstart, 'ms', extract(epoch from s.jslduration) * 1000, 'output', s.jsloutput,
      'notices', (select n.notices from trunkline_pgagent.step_notice n where n.jslid = s.jslid)) order by s.jslid), '[]')
    from pgagent.pga_jobsteplog s join pgagent.pga_jobstep t on t.jstid = s.jsljstid where s.jsljlgid = l.jlgid) steps
from pgagent.pga_joblog l join pgagent.pga_job j on j.jobid = l.jlgjobid
where $1::int is null or l.jlgjobid = $1::int order by l.jlgid desc limit $2::int
