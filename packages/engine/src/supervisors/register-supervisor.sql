-- Registers a process that keeps workers running, and answers its number.
-- $1 host text  $2 pid int  $3 workers wanted int
insert into trunkline.supervisor(host, pid, workers_wanted) values ($1, $2, $3) returning id
