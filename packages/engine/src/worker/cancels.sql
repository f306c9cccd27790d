-- The cancellations that wait for a worker.
-- $1 worker int
select array_agg(id) ids from trunkline.cancel_wanted where worker_id = $1
