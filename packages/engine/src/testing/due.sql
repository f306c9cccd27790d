-- Does a worker still hold jobs, and is there anything for it to start in queues that are not paused?
-- $1 worker int  $2 queue names text[]
select coalesce((select array_agg(id::text) from (select unnest(ids) id from trunkline.lease where worker_id = $1::int limit 20) l), '{}') running,
  exists(select from trunkline.ready r join trunkline.queue q on q.id = r.queue_id where q.name = any($2::text[]) and q.paused_at is null)
    or exists (select from trunkline.knock k join trunkline.queue q on q.id = k.queue_id where q.name = any($2::text[]) and q.paused_at is null)
    or exists (select from trunkline.gate g join trunkline.queue q on q.id = g.queue_id where q.name = any($2::text[]) and q.paused_at is null and g.due <= now()) due
