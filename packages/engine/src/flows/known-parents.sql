-- Which of these jobs exist, and the flow that the first of them belongs to.
-- $1 ids int8[]
select u.id::text, (select f.flow_id from trunkline.flow_job f where f.id = u.id)::text flow
from unnest($1::int8[]) with ordinality u(id, o)
where not exists (select from trunkline.hidden h where h.id = u.id)
  and (exists (select from trunkline.job j where j.id = u.id) or exists (select from trunkline.debounce d where d.id = u.id))
order by u.o
