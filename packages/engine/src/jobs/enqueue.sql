-- Makes jobs of any mix of queues and tasks; answers their ids in input order.
-- $1 queue int[]  $2 task int[]  $3 negated priority int2[]  $4 max attempts int2[]  $5 run at timestamptz[] (null: now)
-- $6 timeout in ms int8[]  $7 who text[]  $8 payload jsonb[]  $9 delay in ms from now int8[] (null: as $5 says)
-- $10 tags jsonb[] of text arrays or null  $11 re-run of int8[]  $12 keys of gates jsonb[] of text arrays or null
-- "offset 0" hides the lengths of the arrays from the planner: a plan made for them looks cheaper than the general one, for ever, and making it costs 0.5 ms.
with i as materialized (
    select nextval('trunkline.id') id, queue_id, task_id, priority, max_attempts, timeout_ms, created_by, payload, tags, rerun_of, gates, o,
      coalesce(at, now() + delay * interval '1ms') run_at, coalesce(at <= now(), coalesce(delay, 0) = 0) due
    from (select $1::int[] q, $2::int[] t, $3::int2[] p, $4::int2[] m, $5::timestamptz[] r, $6::int8[] l, $7::text[] w, $8::jsonb[] b, $9::int8[] d, $10::jsonb[] g, $11::int8[] x, $12::jsonb[] y
        offset 0) v, unnest(v.q, v.t, v.p, v.m, v.r, v.l, v.w, v.b, v.d, v.g, v.x, v.y)
      with ordinality u(queue_id, task_id, priority, max_attempts, at, timeout_ms, created_by, payload, delay, tags, rerun_of, gates, o)),
  j as (insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload, tags, rerun_of, gate_keys)
    select id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload,
      case when tags is not null then array(select jsonb_array_elements_text(tags)) end, rerun_of,
      case when gates is not null then array(select jsonb_array_elements_text(gates)) end from i),
  r as (insert into trunkline.ready(queue_id, priority, seq, n, ids)
    select queue_id, priority, min(id), count(*), array_agg(id order by o)
    from (select id, queue_id, priority, o, (row_number() over (partition by queue_id, priority order by o) - 1) / 100 b from i where due) z
    group by queue_id, priority, b),
  s as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt)
    select id, run_at, queue_id, priority, 0 from i where not due),
  p as (insert into trunkline.searchable(task_id, path, value, job_id)
    select i.task_id, p, left(i.payload #>> string_to_array(p, '.'), 200), i.id
    from i, lateral (select searchable from trunkline.task where id = i.task_id and searchable is not null offset 0) t, unnest(t.searchable) p
    where i.payload #>> string_to_array(p, '.') is not null),
  c as (insert into trunkline.stat_delta select date_trunc('minute', now()), queue_id, task_id, 0, count(*), 0 from i group by 2, 3),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'added',
      jsonb_build_array(queue_id, task_id, first, n) || case when n between 2 and 100 then jsonb_build_array(ids) else '[]' end
    from (select queue_id, task_id, min(id) first, count(*) n, case when count(*) between 2 and 100 then jsonb_agg(id) end ids from i group by 1, 2) z)
select array_agg(id order by o) ids,
  (select pg_notify('trunkline', 'w') where (select bool_or(waiting) from trunkline.idle where queue_id = any($1::int[])))
from i
