-- Live workers, oldest first.
select id, name, host, pid, version, state, started_at, concurrency, queues, tasks, running, rss, cpu_percent, loop_lag_ms,
  (extract(epoch from now() - beat) * 1000)::float8 beat_age_ms,
  (select coalesce(sum(cardinality(l.ids)), 0) from trunkline.lease l where l.worker_id = w.id)::int held
from trunkline.worker w order by id
