-- Says that a job came from a template.
-- $1 job int8  $2 template uuid  $3 its version int
with o as (insert into trunkline.origin(job_id, template_id, template_version) values ($1, $2, $3) on conflict (job_id) do nothing)
update trunkline.template set uses = uses + 1, last_used_at = now() where id = $2
