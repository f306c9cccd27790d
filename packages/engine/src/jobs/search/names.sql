-- Tasks, queues and workers whose names a query asks for; of workers the host counts as well.
-- $1 task patterns text[]  $2 parts of task names, in any case text[]  $3 queue patterns text[]  $4 worker patterns text[] (of like)
select 'task' kind, id, name, null host, searchable from trunkline.task where name like any($1::text[]) or name ilike any($2::text[])
union all
select 'queue', id, name, null, null from trunkline.queue where name like any($3::text[])
union all
select 'worker', id, name, host, null from trunkline.worker where name like any($4::text[]) or host like any($4::text[])
union all
select 'worker', id, name, host, null from trunkline.worker_past where name like any($4::text[]) or host like any($4::text[])
