-- Puts jobs of a flow that were cancelled before they began, and that still have a parent to wait for, back to where they wait.
-- Their dependencies on parents that have not completed open again; a parent that ends beside us is looked for later. Run in a
-- transaction, before the others are retried.
-- $1 flow int8
with o as materialized (
    select m.id, o.queue_id, o.task_id from trunkline.flow_job m join trunkline.outcome o on o.id = m.id
    where m.flow_id = $1 and o.status = 4 and o.started_at is null
      and not exists (select from trunkline.id_range r where r.no = m.id / 500000 and r.closing_at is not null)
      and exists (select from trunkline.dependency y left join trunkline.outcome p on p.id = y.parent
        where y.child = m.id and p.status is distinct from 2 and not (y.policy = 1 and p.id is not null))
    order by m.id for update of o),
  x as (delete from trunkline.outcome where id = any(array(select id from o)) returning id),
  q as materialized (
    select y.child, y.parent, y.open from trunkline.dependency y left join trunkline.outcome p on p.id = y.parent
    where y.child = any(array(select id from x)) and p.status is distinct from 2 and not (y.policy = 1 and p.id is not null)),
  d as (update trunkline.dependency y set open = true from q where y.child = q.child and y.parent = q.parent and y.child = any(array(select child from q)) and not q.open),
  b as (insert into trunkline.blocked(id, queue_id, priority, run_at, parents_left)
    select x.id, coalesce(m.queue_id, j.queue_id), coalesce(m.priority, j.priority), j.run_at, (select count(*) from q where q.child = x.id)
    from x join trunkline.job j on j.id = x.id left join trunkline.moved m on m.id = x.id),
  l as (insert into trunkline.late(parent, child) select parent, child from q where parent not in (select id from o)),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), o.queue_id, o.task_id, z.status, sum(z.n), 0 from o, lateral (values (21, 1), (4, -1)) z(status, n) group by 2, 3, 4),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'reopened', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from x having count(*) > 0)
select x.id::text from x
