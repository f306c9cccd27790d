-- The tags of jobs. With the pins of walk.
-- $1 ids int8[]
select v.id::text, v.tags from trunkline.jobs v where v.id = any($1::bigint[])
