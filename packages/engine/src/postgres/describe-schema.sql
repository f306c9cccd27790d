-- The schema as text, from the catalogs, the same on every version of PostgreSQL.
-- $1 schema name
select string_agg(line, e'\n' order by kind, name, place, line) as text from (
  select 1 kind, c.relname name, 0 place, format(e'\n%s %s%s%s', case c.relkind when 'S' then 'sequence' when 'v' then 'view' else case c.relpersistence when 'u' then 'unlogged table' else 'table' end end, c.relname,
      case when c.relkind = 'p' then ' partitioned by ' || pg_get_partkeydef(c.oid) else '' end,
      coalesce(' with (' || array_to_string((select array_agg(o order by o) from unnest(c.reloptions) o), ', ') || ')', '')) line
    from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'S', 'v') and not c.relispartition
      and not (c.relkind = 'S' and exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i'))
  union all
  select 1, c.relname, a.attnum, format('  %s %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end,
      coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), case when a.attidentity <> '' then ' identity' else '' end)
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
  union all
  select 1, c.relname, 10000, format('  constraint %s %s', k.conname, pg_get_constraintdef(k.oid))
    from pg_class c join pg_constraint k on k.conrelid = c.oid and k.contype <> 'n'
    where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  union all
  select 1, c.relname, 20000, '  ' || pg_get_indexdef(i.indexrelid)
    from pg_class c join pg_index i on i.indrelid = c.oid
    where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  union all
  select 2, p.proname, 0, format(e'\nfunction %s(%s) returns %s%s%s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
      case when p.prosecdef then ' security definer' else '' end, coalesce(' set ' || array_to_string(p.proconfig, ', '), ''))
    from pg_proc p where p.pronamespace = $1::regnamespace
) z
