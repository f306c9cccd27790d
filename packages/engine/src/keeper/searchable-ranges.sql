-- The ranges of ids that are full, newest first, with their search indexes: those that stand, and those that were left half built.
-- `ended` = next to all of its jobs have ended.
-- $1 ids of one range int8
select z.no, z.standing, z.broken, z.ended from (
  select r.no,
    array(select c.relname::text from pg_index x join pg_class c on c.oid = x.indexrelid
      where x.indrelid in (to_regclass('trunkline.job_' || r.no), to_regclass('trunkline.outcome_' || r.no)) and x.indisvalid and c.relname like '%\_search\_%') standing,
    array(select c.relname::text from pg_index x join pg_class c on c.oid = x.indexrelid
      where x.indrelid in (to_regclass('trunkline.job_' || r.no), to_regclass('trunkline.outcome_' || r.no)) and not x.indisvalid and c.relname like '%\_search\_%'
        and not exists (select from pg_stat_progress_create_index p where p.index_relid = x.indexrelid)) broken,
    exists (select from pg_class c join pg_index x on x.indexrelid = c.oid where x.indrelid = to_regclass('trunkline.outcome_' || r.no) and c.relname like '%\_search\_%')
      or (select count(*) from trunkline.outcome o where o.id >= r.no * $1::int8 and o.id < (r.no + 1) * $1::int8)
        >= 0.95 * (select count(*) from trunkline.job j where j.id >= r.no * $1::int8 and j.id < (r.no + 1) * $1::int8) ended
  from trunkline.id_range r
  where (select last_value from trunkline.id) >= (r.no + 1) * $1::int8 and to_regclass('trunkline.job_' || r.no) is not null) z
order by z.no desc
