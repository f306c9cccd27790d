-- Forgets agents whose session is gone and that hold no job.
delete from pgagent.pga_jobagent where not exists (select from pg_stat_activity where pid = jagpid)
  and not exists (select from pgagent.pga_job where jobagentid = jagpid)
