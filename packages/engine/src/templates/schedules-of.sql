-- What schedules put on top of a template.
-- $1 template uuid
select s.id, s.name, coalesce(s.rhythm ->> 'timezone', 'UTC') timezone, s.payload own from trunkline.schedule s where s.template_id = $1 order by s.name
