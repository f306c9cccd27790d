-- The versions of a template, the latest first.
-- $1 id uuid
select version, body, at, by_whom from trunkline.template_version where template_id = $1 order by version desc limit 100
