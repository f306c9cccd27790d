-- What makes a schema of pgAgent's, object by object, as the server writes it down again; triggers of ours are left out. The schema is
-- always called pgagent in it, so that two can be compared.
-- $1 name of the schema text
with o as (
  select 'column' kind, c.relname::text on_table, a.attname::text name,
    format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
      || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') definition
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relnamespace = to_regnamespace($1) and c.relkind = 'r'
  union all
  -- by what it says: its name may have been chosen by the server
  select 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid), pg_get_constraintdef(oid)
  from pg_constraint where connamespace = to_regnamespace($1) and contype in ('c', 'f', 'p', 'u')
  union all
  select 'index', c.relname::text, i.relname::text, pg_get_indexdef(i.oid)
  from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
  where c.relnamespace = to_regnamespace($1) and not exists (select from pg_constraint k where k.conindid = i.oid)
  union all
  select 'function', null, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
  from pg_proc p where p.pronamespace = to_regnamespace($1) and p.prokind = 'f'
  union all
  select 'trigger', c.relname::text, t.tgname::text, pg_get_triggerdef(t.oid)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
  where c.relnamespace = to_regnamespace($1) and not t.tgisinternal and t.tgname not like 'trunkline\_%')
select kind, replace(on_table, $1 || '.', '') on_table, replace(name, $1 || '.', 'pgagent.') name, replace(definition, $1 || '.', 'pgagent.') definition
from o order by kind, on_table, name
