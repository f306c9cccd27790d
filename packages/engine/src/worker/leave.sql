-- A worker that has stopped takes its rows away and is remembered as stopped. While a lease of its own is left it stays, to be recovered.
-- $1 worker int
with i as (delete from trunkline.idle where worker_id = $1),
  w as (delete from trunkline.worker where id = $1 and not exists (select from trunkline.lease where worker_id = $1) returning *)
insert into trunkline.worker_past(id, name, host, pid, version, started_at, how, concurrency, queues, tasks, singleton)
select id, name, host, pid, version, started_at, 'stopped', concurrency, queues, tasks, singleton from w
