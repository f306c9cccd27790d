-- Does a worker still hold jobs, and is there anything for it to start in queues that are not paused?
-- $1 worker int  $2 queue names text[]
select coalesce((select array_agg(id::text) from (select unnest(ids) id from trunkline.lease where worker_id = $1::int limit 20) l), '{}') running,
  exists(select from trunkline.ready r join trunkline.queue q on q.id = r.queue_id where q.name = any($2::text[]) and q.paused_at is null) due
