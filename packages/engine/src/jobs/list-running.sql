-- Running jobs, newest first, with an id below $1.
-- $1 before int8  $2 task text or null  $3 queue text or null  $4 limit int
select v.* from (select unnest(ids) id from trunkline.lease) l, lateral (select * from trunkline.jobs where id = l.id) v
where l.id < $1 and v.state = 'running' and ($2::text is null or v.task = $2) and ($3::text is null or v.queue = $3)
order by v.id desc limit $4
