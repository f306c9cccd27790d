-- The jobs of a flow in the order in which they were made, with what each depends on.
-- $1 flow int8  $2 after id int8  $3 at most int
select m.id::text, m.node,
  coalesce((select jsonb_agg(jsonb_build_object('jobId', d.parent::text, 'onFailure', (array['cancel', 'run', 'wait'])[d.policy + 1], 'open', d.open) order by d.parent)
    from trunkline.dependency d where d.child = m.id), '[]') depends_on
from trunkline.flow_job m where m.flow_id = $1 and m.id > $2 order by m.id limit $3
