-- A flow with its jobs by state and by time.
-- $1 flow int8
select f.id::text, f.name, f.created_at, f.created_by,
  (select jsonb_object_agg(state, n) from (
    select case when o.id is not null then case o.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end
      when b.id is not null then 'blocked' when exists (select from trunkline.lease l where l.ids @> array[m.id]) then 'running' else 'pending' end state, count(*) n
    from trunkline.flow_job m left join trunkline.outcome o on o.id = m.id left join trunkline.blocked b on b.id = m.id where m.flow_id = f.id group by 1) z) states,
  (select max(o.finished_at) from trunkline.flow_job m join trunkline.outcome o on o.id = m.id where m.flow_id = f.id) finished_at
from trunkline.flow f where f.id = $1
