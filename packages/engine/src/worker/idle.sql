-- Says whether a worker sleeps for want of work in these queues: producers notify only then.
-- $1 worker int  $2 queue int[]  $3 waiting boolean
insert into trunkline.idle(worker_id, queue_id, waiting) select $1, q, $3 from unnest($2::int[]) q
on conflict (worker_id, queue_id) do update set waiting = excluded.waiting where trunkline.idle.waiting is distinct from excluded.waiting
