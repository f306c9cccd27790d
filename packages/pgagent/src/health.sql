-- What endangers the jobs of a schema pgagent: agents that live, jobs that dead ones hold, the size of the log, and enabled jobs with how long they ran.
select (select count(*)::int from pgagent.pga_jobagent where exists (select from pg_stat_activity where pid = jagpid)) agents,
  array(select jobid from pgagent.pga_job where jobagentid is not null
    and not exists (select from pg_stat_activity where pid = jobagentid) order by jobid limit 100) held,
  (select count(*)::int from pgagent.pga_job where jobenabled and jobagentid is null and jobnextrun < now() - interval '5 minutes') late,
  (pg_total_relation_size(j.oid) + pg_total_relation_size(s.oid))::float8 log_bytes, greatest(0, j.reltuples, s.reltuples)::float8 log_rows,
  array(select json_build_object('id', jobid, 'ms', (select avg(extract(epoch from jlgduration) * 1000)
      from (select jlgduration from pgagent.pga_joblog where jlgjobid = jobid and jlgduration is not null order by jlgid desc limit 20) l))
    from pgagent.pga_job where jobenabled order by jobid limit 500) jobs
from pg_class j, pg_class s
where j.relnamespace = to_regnamespace('pgagent') and j.relname = 'pga_joblog' and s.relnamespace = j.relnamespace and s.relname = 'pga_jobsteplog'
