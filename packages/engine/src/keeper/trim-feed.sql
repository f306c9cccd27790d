-- Deletes feed rows older than $1, at most $2 at once, oldest first.
-- $1 age interval  $2 at most int
with d as (delete from trunkline.feed where no = any(array(select no from trunkline.feed order by no limit $2)) and at < now() - $1::interval returning 1)
select count(*)::int n from d
