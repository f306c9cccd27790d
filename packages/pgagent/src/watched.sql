-- From which run on changes are looked for at first, which earlier runs go on, and whether our triggers tell of changes.
select greatest(0, coalesce((select max(jlgid) from pgagent.pga_joblog), 0))::int last_run,
  array(select jlgid from pgagent.pga_joblog where jlgstatus = 'r') open_runs,
  (select count(*) = 2 from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace = to_regnamespace('pgagent') and t.tgenabled <> 'D' and t.tgname in ('trunkline_run', 'trunkline_step')) is_told
