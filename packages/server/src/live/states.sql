-- How jobs stand, for events: never payload or result.
-- $1 ids int8[]
select id::text, task, queue, state, reason, attempt, priority, tags, created_by, created_at, started_at, finished_at, duration_ms,
  progress_current, progress_total, progress_unit, progress_stage, progress_percent, error ->> 'message' error, outcome
from trunkline.jobs where id = any($1::int8[])
