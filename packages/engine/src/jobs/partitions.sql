-- How far ids have been drawn, and how far the partitions reach.
select (select last_value from trunkline.id)::text used,
  (select max(substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''?(\d+)''?\)')::bigint)
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'trunkline.job'::regclass)::text reach
