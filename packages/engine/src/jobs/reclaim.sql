-- Gives back leases of a worker that it does not know of: claims whose answer was lost.
-- $1 worker int  $2 known leases int8[]  $3 older than interval
-- One that an open transaction of a handler holds waits for a later look.
with ll as materialized (
    select id from trunkline.lease where worker_id = $1 and not id = any($2::bigint[]) and at < now() - $3::interval for update skip locked),
  dl as (delete from trunkline.lease where id = any(array(select id from ll)) returning *),
  o as materialized (select u.id, u.a from dl, unnest(dl.ids, dl.attempts) u(id, a)),
  j as materialized (
    select o.*, coalesce(m.queue_id, j.queue_id) q,
      case when o.a >= 2 and (select count(*) from trunkline.attempt t where t.id = o.id and t.kind = 2) >= 2 then 32767 else coalesce(m.priority, j.priority) end::int2 p
    from o join trunkline.job j on j.id = o.id left join trunkline.moved m on m.id = o.id),
  rd as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select q, p, case when a = 0 then min(id) else nextval('trunkline.id') end, a, count(*), array_agg(id order by id)
    from (select *, (row_number() over (partition by q, p, a order by id) - 1) / 100 b from j) z group by q, p, a, b
    on conflict (queue_id, priority, seq) do update set ids = excluded.ids || trunkline.ready.ids, n = excluded.n + trunkline.ready.n)
select count(*)::int n from j
