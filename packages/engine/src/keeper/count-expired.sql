-- Adds what a range loses to the counts of removed jobs.
-- $1 queue int[]  $2 task int[]  $3 status int2[]  $4 n int[]
insert into trunkline.expired as e (queue_id, task_id, status, n)
select * from unnest($1::int[], $2::int[], $3::int2[], $4::int[])
on conflict (queue_id, task_id, status) do update set n = e.n + excluded.n
