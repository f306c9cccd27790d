-- The newest ended jobs of one status, with an id below $1.
-- $1 before int8  $2 task text or null  $3 queue text or null  $4 limit int  $5 status int2
select v.* from (
  select o.id from trunkline.outcome o join trunkline.task t on t.id = o.task_id join trunkline.queue q on q.id = o.queue_id
  where o.id < $1 and o.status = $5 and ($2::text is null or t.name = $2) and ($3::text is null or q.name = $3)
  order by o.id desc limit $4) o, lateral (select * from trunkline.jobs where id = o.id) v
order by v.id desc
