-- The newest number of the change feed, and the numbers near below it that are there.
select coalesce(max(no), 0)::text newest, coalesce(array_agg(no), '{}') there
from (select no from trunkline.feed order by no desc limit 1000) f
