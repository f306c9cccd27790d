-- Deletes a template unless schedules use it; answers how many do, and such a name.
-- $1 id uuid
with u as materialized (select count(*)::int n, min(name) name from trunkline.schedule where template_id = $1),
  d as (delete from trunkline.template where id = $1 and (select n from u) = 0 returning id)
select u.n, u.name from u
