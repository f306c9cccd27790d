-- Flows, newest first.
-- $1 below id int8  $2 at most int
select f.id::text from trunkline.flow f where f.id < $1 order by f.id desc limit $2
