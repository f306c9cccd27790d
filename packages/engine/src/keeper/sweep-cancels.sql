-- Cancellations that outlived their job are deleted; those whose job is no longer with the worker that was asked are answered, to be asked again.
with gone as (delete from trunkline.cancel_wanted c where exists (select from trunkline.outcome o where o.id = c.id) returning c.id)
select c.id::text, c.by_whom from trunkline.cancel_wanted c
where c.at < now() - interval '1s' and not exists (select from trunkline.outcome o where o.id = c.id)
  and not exists (select from trunkline.lease l where l.worker_id = c.worker_id and l.ids @> array[c.id])
limit 100
