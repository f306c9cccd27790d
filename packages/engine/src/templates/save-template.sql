-- Makes a template or a new version of one; answers its id, or no row when it is gone or was changed meanwhile.
-- $1 id uuid or null (new)  $2 name  $3 description  $4 task int  $5 payload jsonb  $6 options jsonb  $7 input schema jsonb  $8 by whom text  $9 expected version or null
with made as (insert into trunkline.template(name, description, task_id, payload, options, input_schema, created_by, updated_by)
    select $2::text, $3::text, $4::int, $5::jsonb, $6::jsonb, $7::jsonb, $8::text, $8 where $1::uuid is null returning *),
  changed as (update trunkline.template p set name = $2, description = $3, task_id = $4, payload = $5, options = $6, input_schema = $7, version = p.version + 1, updated_at = now(), updated_by = $8
    where p.id = $1 and ($9::int is null or p.version = $9) returning *),
  z as (select * from made union all select * from changed),
  v as (insert into trunkline.template_version(template_id, version, body, by_whom)
    select z.id, z.version, jsonb_build_object('name', z.name, 'description', z.description, 'task', t.name, 'payload', z.payload, 'options', z.options, 'inputSchema', z.input_schema), $8
    from z join trunkline.task t on t.id = z.task_id)
select id from z
