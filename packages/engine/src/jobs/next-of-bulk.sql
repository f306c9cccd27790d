-- The next part of a bulk action, locked: two executions never work through the same one.
-- $1 bulk int8  $2 limit int
select verb, options, within, by_whom, done, cardinality(ids) total, ids[done + 1 : done + $2]::text[] ids from trunkline.bulk_run where id = $1 for update
