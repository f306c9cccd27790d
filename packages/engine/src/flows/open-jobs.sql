-- The jobs of a flow that have not ended.
-- $1 flow int8
select m.id::text from trunkline.flow_job m where m.flow_id = $1 and not exists (select from trunkline.outcome o where o.id = m.id) order by m.id
