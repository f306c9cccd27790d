-- A run as it stands, and its steps from a log row on, in the order in which they ran; no row when its job was deleted.
-- $1 run int  $2 first log row of a step int
select l.jlgstatus status, j.jobname job,
  case when exists (select from trunkline_pgagent.step_run r where r.jlgid = l.jlgid) then 1
    else (select count(*)::int from pgagent.pga_jobstep t where t.jstjobid = l.jlgjobid and t.jstenabled) end step_count,
  (select coalesce(json_agg(json_build_object('id', s.jslid, 'step', coalesce(t.jstname, s.jsljstid::text), 'status', s.jslstatus, 'result', s.jslresult,
      'ms', round(extract(epoch from s.jslduration) * 1000), 'output', s.jsloutput,
      'notices', (select n.notices from trunkline_pgagent.step_notice n where n.jslid = s.jslid)) order by s.jslid), '[]')
    from pgagent.pga_jobsteplog s left join pgagent.pga_jobstep t on t.jstid = s.jsljstid where s.jsljlgid = l.jlgid and s.jslid >= $2::int) steps
from pgagent.pga_joblog l join pgagent.pga_job j on j.jobid = l.jlgjobid
where l.jlgid = $1::int
