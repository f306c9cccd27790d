-- The number of a queue that is there; when there is none, the names that are known.
-- $1 name text
select q.id, case when q.id is null then (select array_agg(name order by name) from trunkline.queue) end known
from (select) one left join trunkline.queue q on q.name = $1
