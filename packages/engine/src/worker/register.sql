-- Registers a worker, as starting, and answers its number; no row = another one has the name of the singleton.
-- $1 name text  $2 host text  $3 pid int  $4 version text  $5 concurrency int  $6 queues text[]  $7 tasks text[]  $8 singleton text or null
insert into trunkline.worker(name, host, pid, version, state, concurrency, queues, tasks, singleton)
values ($1, $2, $3, $4, 'starting', $5, $6, $7, $8)
on conflict (singleton) where singleton is not null do nothing returning id
