-- Makes jobs that may depend on each other and on jobs that exist; answers their ids in input order. Those that depend on
-- nothing stand in line, the others are blocked. Run in a transaction, before settle-parents.
-- $1 to $12 as in enqueue.sql  $13 flow int8 or null  $14 names within the flow text[]
-- $15 for how many others each waits int[]; their dependencies: $16 child, its place in the input int[]  $17 parent, its place int[], or else $18 its id int8[]  $19 policy int2[]
with i as materialized (
    select nextval('trunkline.id') id, queue_id, task_id, priority, max_attempts, timeout_ms, created_by, payload, tags, rerun_of, gates, node, waits, o,
      coalesce(at, now() + delay * interval '1ms') run_at, coalesce(at <= now(), coalesce(delay, 0) = 0) due
    from unnest($1::int[], $2::int[], $3::int2[], $4::int2[], $5::timestamptz[], $6::int8[], $7::text[], $8::jsonb[], $9::int8[], $10::jsonb[], $11::int8[], $12::jsonb[], $14::text[], $15::int[])
      with ordinality u(queue_id, task_id, priority, max_attempts, at, timeout_ms, created_by, payload, delay, tags, rerun_of, gates, node, waits, o)),
  a as materialized (select array_agg(id order by o) ids from i),
  e as materialized (
    select a.ids[c] child, coalesce(a.ids[p], x) parent, f policy, p is null late from a, unnest($16::int[], $17::int[], $18::int8[], $19::int2[]) u(c, p, x, f)),
  j as (insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload, tags, rerun_of, gate_keys)
    select id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload,
      case when tags is not null then array(select jsonb_array_elements_text(tags)) end, rerun_of,
      case when gates is not null then array(select jsonb_array_elements_text(gates)) end from i),
  m as (insert into trunkline.flow_job(id, flow_id, node) select id, $13::int8, node from i where $13::int8 is not null),
  de as (insert into trunkline.dependency(child, parent, policy) select child, parent, policy from e),
  la as (insert into trunkline.late(parent, child) select parent, child from e where late),
  bl as (insert into trunkline.blocked(id, queue_id, priority, run_at, parents_left)
    select id, queue_id, priority, run_at, waits from i where waits > 0),
  fr as materialized (select * from i where waits = 0),
  r as (insert into trunkline.ready(queue_id, priority, seq, n, ids)
    select queue_id, priority, min(id), count(*), array_agg(id order by o)
    from (select id, queue_id, priority, o, (row_number() over (partition by queue_id, priority order by o) - 1) / 100 b from fr where due) z
    group by queue_id, priority, b),
  s as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) select id, run_at, queue_id, priority, 0 from fr where not due),
  p as (insert into trunkline.searchable(task_id, path, value, job_id)
    select i.task_id, p, left(i.payload #>> string_to_array(p, '.'), 200), i.id
    from i, lateral (select searchable from trunkline.task where id = i.task_id and searchable is not null offset 0) t, unnest(t.searchable) p
    where i.payload #>> string_to_array(p, '.') is not null),
  c as (insert into trunkline.stat_delta select date_trunc('minute', now()), queue_id, task_id, 0, count(*), 0 from i group by 2, 3),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'added',
      jsonb_build_array(queue_id, task_id, first, n) || case when n between 2 and 100 then jsonb_build_array(ids) else '[]' end
    from (select queue_id, task_id, min(id) first, count(*) n, case when count(*) between 2 and 100 then jsonb_agg(id) end ids from i group by 1, 2) z)
select a.ids, (select pg_notify('trunkline', 'w') where (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select queue_id from fr where due)))) from a
