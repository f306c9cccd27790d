-- Live workers, oldest first; with $1 also those that have ended, before them, in the order of their ends.
-- $1 past boolean
with live as materialized (select * from trunkline.worker),
  newest as (select version from live order by started_at desc, id desc limit 1)
select id, name, host, pid, version, state, started_at, null::timestamptz ended_at, concurrency, queues, tasks, singleton, running, stop_wanted,
  rss, cpu_percent, loop_lag_ms, (extract(epoch from now() - beat) * 1000)::float8 beat_age_ms,
  version is distinct from (select version from newest) drift,
  (select coalesce(sum(cardinality(l.ids)), 0) from trunkline.lease l where l.worker_id = live.id)::int held
from live
union all
select id, name, host, pid, version, how, started_at, ended_at, concurrency, queues, tasks, singleton, '{}', false,
  null, null, null, (extract(epoch from now() - ended_at) * 1000)::float8, false, 0
from trunkline.worker_past where $1
order by ended_at nulls last, id
