-- Jobs by state, of these ids. With the pins of walk.
-- $1 ids int8[]
select v.state, count(*)::int n from trunkline.jobs v where v.id = any($1::bigint[]) group by 1
