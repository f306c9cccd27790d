-- A worker that has stopped takes its rows away.
-- $1 worker int
with i as (delete from trunkline.idle where worker_id = $1)
delete from trunkline.worker where id = $1 and not exists (select from trunkline.lease where worker_id = $1)
