-- Makes a flow.
-- $1 name text or null  $2 who text or null
insert into trunkline.flow(name, created_by) values ($1, $2) returning id::text
