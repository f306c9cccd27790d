-- Jobs as people see them, in no order. With the pins of walk: a plan for a handful of ids would read whole tables for some.
-- $1 ids int8[]
select * from trunkline.jobs where id = any($1::bigint[])
