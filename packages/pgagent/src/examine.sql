-- What a role finds of a schema pgagent, and of ours beside it: what is there, and what it may.
-- Materialized: the functions about rights must not be asked of relations of other sorts.
with tables as materialized (
  select t.name, c.oid from unnest(array['pga_job', 'pga_jobstep', 'pga_schedule', 'pga_exception', 'pga_joblog',
    'pga_jobsteplog', 'pga_jobagent', 'pga_jobclass']) t(name)
    left join pg_class c on c.relnamespace = to_regnamespace('pgagent') and c.relname = t.name and c.relkind = 'r'),
  own as materialized (select c.oid, c.relname from pg_class c where c.relnamespace = to_regnamespace('trunkline_pgagent') and c.relkind = 'r'),
sequences as materialized (
  select c.oid, c.relname name from pg_class c where c.relnamespace = to_regnamespace('pgagent') and c.relkind = 'S'),
triggers as (
  select t.tgname::text name from pg_trigger t where t.tgrelid in (select oid from tables) and t.tgenabled <> 'D' and not t.tgisinternal)
select current_user::text as role, current_database()::text as database, current_setting('server_version') server_version,
  to_regnamespace('pgagent') is not null has_schema,
  coalesce(has_schema_privilege(to_regnamespace('pgagent')::oid, 'usage'), false) may_use,
  to_regnamespace('trunkline_pgagent') is not null has_ours,
  coalesce(has_schema_privilege(to_regnamespace('trunkline_pgagent')::oid, 'usage'), false) may_use_ours,
  (select coalesce(array_agg(name order by name), '{}'::text[]) from tables where oid is null) missing_tables,
  (select coalesce(array_agg(format('grant select, insert, update, delete on pgagent.%I to %I', name, current_user) order by name), '{}')
    from tables where oid is not null and not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
      and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))) missing_grants,
  (select coalesce(array_agg(format('grant usage on sequence pgagent.%I to %I', name, current_user) order by name), '{}')
    from sequences where not has_sequence_privilege(oid, 'usage')) missing_sequence_grants,
  (select coalesce(array_agg(format('grant select, insert, update, delete on trunkline_pgagent.%I to %I', relname, current_user) order by relname), '{}')
    from own where not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert') and has_table_privilege(oid, 'update')
        and has_table_privilege(oid, 'delete'))) missing_own_grants,
  (select coalesce(array_agg(f.name order by f.name), '{}') from (values ('pgagent_schema_version', 0), ('pga_next_schedule', 8)) f(name, arguments)
    where not exists (select from pg_proc where pronamespace = to_regnamespace('pgagent') and proname = f.name and pronargs = f.arguments)) missing_functions,
  (select coalesce(array_agg(n order by n), '{}') from unnest(array['job_setting', 'step_setting', 'cancel', 'step_wanted', 'step_run', 'step_notice']) n
    where n not in (select relname from own)) missing_own_tables,
  (select coalesce(array_agg(n order by n), '{}') from unnest(array['pga_job_trigger', 'pga_schedule_trigger', 'pga_exception_trigger']) n
    where n not in (select name from triggers)) missing_triggers,
  (select coalesce(array_agg(n order by n), '{}') from unnest(array['trunkline_due', 'trunkline_run', 'trunkline_step']) n
    where n not in (select name from triggers)) missing_watches
