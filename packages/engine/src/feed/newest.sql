-- The newest number of the change feed, the numbers near below it that are there, and the horizon.
select coalesce(max(no), 0)::text newest, coalesce(array_agg(no), '{}') there, pg_snapshot_xmax(pg_current_snapshot())::text high
from (select no from trunkline.feed order by no desc limit 1000) f
