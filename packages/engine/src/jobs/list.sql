-- The newest jobs in any state, with an id below $1.
-- $1 before int8  $2 task text or null  $3 queue text or null  $4 limit int
select * from trunkline.jobs where id < $1 and ($2::text is null or task = $2) and ($3::text is null or queue = $3) order by id desc limit $4
