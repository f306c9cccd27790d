-- Numbers of tasks by name.
-- $1 names text[]
select name, id from trunkline.task where name = any($1::text[])
