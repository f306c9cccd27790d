-- The jobs of a flow that failed or were cancelled.
-- $1 flow int8
select m.id::text from trunkline.flow_job m join trunkline.outcome o on o.id = m.id where m.flow_id = $1 and o.status in (3, 4) order by m.id
