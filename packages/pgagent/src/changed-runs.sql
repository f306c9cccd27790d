-- Runs and their steps as they stand, from a run on, and those that are named; in the order of their numbers.
-- $1 from this run on int  $2 others int[]
select l.jlgid run_id, l.jlgjobid job_id, j.jobname job_name, l.jlgstatus status, l.jlgstart started_at,
  round(extract(epoch from l.jlgduration) * 1000)::float8 ms,
  (select coalesce(json_agg(json_build_object('id', s.jslid, 'stepId', s.jsljstid, 'stepName', t.jstname, 'status', s.jslstatus, 'result', s.jslresult,
      'ms', round(extract(epoch from s.jslduration) * 1000)) order by s.jslid), '[]')
    from pgagent.pga_jobsteplog s join pgagent.pga_jobstep t on t.jstid = s.jsljstid where s.jsljlgid = l.jlgid) steps
from pgagent.pga_joblog l join pgagent.pga_job j on j.jobid = l.jlgjobid
where l.jlgid >= $1::int or l.jlgid = any($2::int[])
order by l.jlgid
