-- Flows, newest first.
-- $1 below id int8  $2 at most int  $3 made by whom text, null = anybody
select f.id::text from trunkline.flow f where f.id < $1 and ($3::text is null or f.created_by = $3) order by f.id desc limit $2
