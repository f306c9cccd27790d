-- How a job in a lease of its own stands: free to be ended by its worker, held by an open transaction, or ended by this worker.
-- $1 worker int  $2 lease int8  $3 job int8
with f as materialized (select id from trunkline.lease where id = $2 and worker_id = $1 for update skip locked)
select exists (select from f) free, exists (select from trunkline.lease where id = $2) there,
  exists (select from trunkline.outcome where id = $3 and worker_id = $1) mine
