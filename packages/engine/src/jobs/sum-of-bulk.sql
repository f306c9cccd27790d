-- How far a bulk action is.
-- $1 bulk int8
select cardinality(b.ids) total, b.done, (select count(*) from trunkline.bulk_result r where r.bulk_id = b.id and r.ok)::int accepted, b.ended_at
from trunkline.bulk_run b where b.id = $1
