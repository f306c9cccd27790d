-- Fires the debounced jobs whose time has come: their job rows are written, with the last payload, and they stand in line.
-- Answers how many, and in how many ms the next one is due.
-- $1 at most int
with d as (delete from trunkline.debounce
    where id = any(array(select id from trunkline.debounce where run_at <= now() order by run_at limit $1 for update skip locked)) returning *),
  j as (insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, created_at, run_at, timeout_ms, created_by, payload, tags, key, gate_keys)
    select id, queue_id, task_id, priority, max_attempts, created_at, run_at, timeout_ms, created_by, payload, tags, key, gate_keys from d),
  s as (insert into trunkline.searchable(task_id, path, value, job_id)
    select d.task_id, p, left(d.payload #>> string_to_array(p, '.'), 200), d.id
    from d, lateral (select searchable from trunkline.task where id = d.task_id offset 0) t, unnest(t.searchable) p where d.payload #>> string_to_array(p, '.') is not null),
  r as (insert into trunkline.ready(queue_id, priority, seq, n, ids)
    select queue_id, priority, nextval('trunkline.id'), count(*), array_agg(id order by run_at, id)
    from (select *, (row_number() over (partition by queue_id, priority order by run_at, id) - 1) / 100 b from d) z group by queue_id, priority, b),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'promoted', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from d having count(*) > 0)
select count(*)::int n,
  (select greatest(0, extract(epoch from run_at - now()) * 1000)::float8 from trunkline.debounce where run_at > now() order by run_at limit 1) next_ms,
  (select pg_notify('trunkline', 'w') where (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select queue_id from d)))) woken from d
