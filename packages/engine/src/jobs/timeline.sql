-- The executions of a job, oldest first: those that are recorded, the one that ended it, the one that runs.
-- $1 id int8
-- kind: 0 runs, 1 failed, 2 crashed, 4 cancelled (10 more: before a person retried the job), 22 completed, 23 failed, 24 cancelled: its end
select kind, attempt, worker_id, started_at, finished_at, error from (
  select a.kind::int, a.attempt::int, a.worker_id, a.started_at, a.finished_at, a.error from trunkline.attempt a where a.id = $1
  union all
  select 20 + least(o.status, 4), o.attempt::int, o.worker_id, o.started_at, o.finished_at, o.error from trunkline.outcome o where o.id = $1
  union all
  select 0, l.attempts[array_position(l.ids, $1::bigint)]::int, l.worker_id, l.at, null, null from trunkline.lease l
    where l.ids @> array[$1::bigint] and not exists (select from trunkline.outcome o where o.id = $1)) z
order by attempt, finished_at nulls last
