-- Moves one job into a lease of its own, so that a transaction that locks its fence holds up no other job. Answers that lease,
-- also when the job was alone already, or when it was moved before and the answer was lost; no row = this worker does not hold it.
-- $1 worker int  $2 lease int8  $3 job int8
with w as materialized (select id from trunkline.worker where id = $1 for key share),
  l as materialized (select id, queue_id, at, ids, attempts, array_position(ids, $3::bigint) i from trunkline.lease
    where id = $2 and worker_id = $1 and $3::bigint = any(ids) and exists (select from w) for update),
  u as (update trunkline.lease e set ids = l.ids[:l.i - 1] || l.ids[l.i + 1:], attempts = l.attempts[:l.i - 1] || l.attempts[l.i + 1:]
    from l where e.id = l.id and e.id = any(array(select id from l)) and cardinality(l.ids) > 1),
  n as (insert into trunkline.lease(worker_id, queue_id, at, ids, attempts)
    select $1, queue_id, at, array[$3::bigint], array[attempts[i]] from l where cardinality(ids) > 1 returning id)
select id from n
union all select id from l where cardinality(ids) = 1
union all select id from trunkline.lease where worker_id = $1 and ids = array[$3::bigint] and not exists (select from l)
