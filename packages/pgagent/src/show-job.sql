-- A job with its steps, its schedules and their exceptions; no row when there is none such.
-- $1 job int
select j.jobid id, j.jobname name, j.jobdesc description, c.jclname class, j.jobhostagent host_agent, j.jobenabled is_enabled, j.jobcreated created_at,
  (select timezone from trunkline_pgagent.job_setting where jobid = j.jobid) timezone,
  (select timeout_ms::float8 from trunkline_pgagent.job_setting where jobid = j.jobid) timeout_ms,
  (select coalesce(json_agg(json_build_object('id', s.jstid, 'name', s.jstname, 'description', s.jstdesc, 'isEnabled', s.jstenabled,
      'kind', case s.jstkind when 's' then 'sql' else 'batch' end, 'code', s.jstcode, 'database', s.jstdbname, 'connectionString', s.jstconnstr,
      'onError', case s.jstonerror when 'f' then 'fail' when 's' then 'succeed' else 'ignore' end,
      'timeoutMs', (select timeout_ms from trunkline_pgagent.step_setting where jstid = s.jstid)) order by s.jstname, s.jstid), '[]')
    from pgagent.pga_jobstep s where s.jstjobid = j.jobid) steps,
  (select coalesce(json_agg(json_build_object('id', s.jscid, 'name', s.jscname, 'description', s.jscdesc, 'isEnabled', s.jscenabled,
      'startsAt', case when isfinite(s.jscstart) then to_char(s.jscstart at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else '0001-01-01T00:00:00Z' end,
      'endsAt', case when isfinite(s.jscend) then to_char(s.jscend at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end,
      'minutes', array(select n - 1 from unnest(s.jscminutes) with ordinality f(x, n) where x order by n),
      'hours', array(select n - 1 from unnest(s.jschours) with ordinality f(x, n) where x order by n),
      'weekdays', array(select n - 1 from unnest(s.jscweekdays) with ordinality f(x, n) where x order by n),
      'monthDays', array(select n from unnest(s.jscmonthdays) with ordinality f(x, n) where x order by n),
      'months', array(select n from unnest(s.jscmonths) with ordinality f(x, n) where x order by n),
      'exceptions', (select coalesce(json_agg(json_build_object('id', jexid, 'date', jexdate, 'time', jextime) order by jexid), '[]')
        from pgagent.pga_exception where jexscid = s.jscid)) order by s.jscname, s.jscid), '[]')
    from pgagent.pga_schedule s where s.jscjobid = j.jobid) schedules
from pgagent.pga_job j join pgagent.pga_jobclass c on c.jclid = j.jobjclid
where j.jobid = $1::int
