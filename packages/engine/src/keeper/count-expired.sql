-- Adds what a range is about to lose to the counts of removed jobs.
-- $1 from id int8  $2 below id int8  $3 kept int8[]
insert into trunkline.expired as e (queue_id, task_id, status, n)
select queue_id, task_id, status, count(*) from trunkline.outcome where id >= $1 and id < $2 and not id = any($3::bigint[]) group by 1, 2, 3
on conflict (queue_id, task_id, status) do update set n = e.n + excluded.n
