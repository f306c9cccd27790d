-- Registers a worker and answers its number.
-- $1 name text  $2 host text  $3 pid int  $4 version text  $5 concurrency int  $6 queues text[]  $7 tasks text[]
insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ($1, $2, $3, $4, $5, $6, $7) returning id
