-- Makes many jobs of one task with the same options; answers their ids in input order.
-- $1 queue int  $2 task int  $3 negated priority int2  $4 max attempts int2  $5 run at timestamptz or null  $6 timeout in ms int8 or null
-- $7 who text or null  $8 payload jsonb[]  $9 delay in ms from now int8 or null  $10 tags text[] or null  $11 keys of gates text[] or null
with i as materialized (select nextval('trunkline.id') id, x, o from unnest($8::jsonb[]) with ordinality u(x, o)),
  t as materialized (select coalesce($5::timestamptz, now() + $9::int8 * interval '1ms') run_at),
  j as (insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload, tags, gate_keys)
    select id, $1::int, $2::int, $3::int2, $4::int2, (select run_at from t), $6::int8, $7::text, x, $10::text[], $11::text[] from i),
  r as (insert into trunkline.ready(queue_id, priority, seq, n, ids)
    select $1::int, $3::int2, min(id), count(*), array_agg(id order by o) from i where (select coalesce(run_at <= now(), true) from t) group by (o - 1) / 100),
  s as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) select id, t.run_at, $1::int, $3::int2, 0 from i, t where t.run_at > now()),
  p as (insert into trunkline.searchable(task_id, path, value, job_id)
    select $2::int, p, left(i.x #>> string_to_array(p, '.'), 200), i.id
    from (select searchable from trunkline.task where id = $2 and searchable is not null) k, unnest(k.searchable) p, i where i.x #>> string_to_array(p, '.') is not null),
  c as (insert into trunkline.stat_delta select date_trunc('minute', now()), $1::int, $2::int, 0, count(*), 0 from i),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'added', jsonb_build_array($1::int, $2::int, min(id), count(*))
      || case when count(*) between 2 and 100 then jsonb_build_array((select jsonb_agg(id) from i)) else '[]' end from i)
select array_agg(id order by o) ids,
  (select pg_notify('trunkline', 'w') where (select bool_or(waiting) from trunkline.idle where queue_id = $1))
from i
