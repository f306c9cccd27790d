-- The keys of a queue at which jobs wait or that jobs have, those with the most waiting jobs first: at most 10,000 of them are counted each.
-- $1 queue text  $2 at most int
select (array['ordering', 'concurrency', 'rate'])[t.kind] kind, t.key,
  array(select p.job_id::text from trunkline.permit p where p.gate_id = t.id order by p.job_id limit 20) "heldBy",
  (select count(*) from (select from trunkline.held h where h.queue_id = t.queue_id and h.gate_id = t.id limit 10000) z)::int held,
  t.due
from trunkline.queue q join trunkline.gate t on t.queue_id = q.id where q.name = $1
order by 4 desc, t.id limit $2
