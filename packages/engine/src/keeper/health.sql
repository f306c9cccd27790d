-- What endangers the queue from outside of it, and how it stands: one row of facts.
select
  (select json_build_object('pid', pid, 'application', application_name, 'state', state, 'seconds', extract(epoch from now() - xact_start)::int)
    from pg_stat_activity where backend_xmin is not null and xact_start < now() - interval '60 s' and backend_type = 'client backend' and pid <> pg_backend_pid()
    order by age(backend_xmin) desc limit 1) pinned,
  (select json_build_object('name', gid, 'seconds', extract(epoch from now() - prepared)::int) from pg_prepared_xacts order by prepared limit 1) prepared,
  (select json_build_object('name', slot_name, 'age', age(coalesce(xmin, catalog_xmin))) from pg_replication_slots
    where age(coalesce(xmin, catalog_xmin)) > 1000000 order by age(coalesce(xmin, catalog_xmin)) desc limit 1) slot,
  pg_notification_queue_usage()::float8 notify,
  current_setting('autovacuum') = 'on' autovacuum,
  (select coalesce(json_agg(json_build_object('table', relname, 'dead', n_dead_tup, 'live', n_live_tup, 'bytes', pg_total_relation_size(relid))), '[]') from pg_stat_user_tables
    where relid = any(array(select c.oid from pg_class c where c.relnamespace = 'trunkline'::regnamespace)) and relname in ('ready', 'lease', 'scheduled', 'stat_delta', 'key', 'debounce', 'feed', 'worker')
      and ((n_dead_tup > 50000 and n_dead_tup > 5 * n_live_tup) or (pg_total_relation_size(relid) > 200000000 and n_live_tup < 10000))) bloated,
  (select coalesce(json_agg(json_build_object('table', c.relname, 'option', o)), '[]') from pg_class c, unnest(c.reloptions) o
    where c.relnamespace = 'trunkline'::regnamespace and o = 'autovacuum_enabled=false') unvacuumed,
  exists (select from trunkline.leader where name = 'keeper' and until > now()) keeper,
  (select coalesce(json_agg(json_build_object('queue', name, 'due', n)), '[]') from (
    select q.name, sum(r.n) n from trunkline.ready r join trunkline.queue q on q.id = r.queue_id
    where not exists (select from trunkline.worker w where q.name = any(w.queues) and w.beat > now() - interval '30 s') group by 1 order by 2 desc limit 20) z) unserved,
  (select count(*) from trunkline.worker where beat < now() - interval '30 s')::int silent,
  (select count(*) from trunkline.stat_delta)::int deltas
