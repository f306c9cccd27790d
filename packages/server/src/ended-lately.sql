-- Jobs that ended between two times, at most so many of them: how long they waited for their last execution, and how long it ran. Read by
-- the ranges of finished_at, never by a look at all that ever ended; the limit 1 has each job looked up, where a join would read them all.
-- $1 from timestamptz or null: the last minute  $2 the newest that are left for the next look, because their transaction may still be open, ms int
-- $3 at most int
with w as materialized (
    select greatest($1::timestamptz, now() - interval '1 minute') low, date_trunc('milliseconds', now() - $2::int * interval '1 ms') high),
  o as materialized (
    select id, queue_id, started_at, finished_at from trunkline.outcome
    where finished_at > (select low from w) and finished_at <= (select high from w) and started_at is not null limit $3::int)
select q.name queue, extract(epoch from o.finished_at - o.started_at)::float8 ran_s, w.high,
  extract(epoch from o.started_at - greatest(j.created_at, j.run_at))::float8 waited_s
from w left join o on true left join trunkline.queue q on q.id = o.queue_id
  left join lateral (select created_at, run_at from trunkline.job where id = o.id limit 1) j on true
