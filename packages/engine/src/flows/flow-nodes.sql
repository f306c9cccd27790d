-- The jobs of a flow under their names.
-- $1 flow int8  $2 names text[]
select node, id::text from trunkline.flow_job where flow_id = $1 and node = any($2::text[])
