-- Asks workers to stop; each hears it at once, or with its next heartbeat. Answers those that are there.
-- $1 workers int[]
with w as (update trunkline.worker set stop_wanted = true where id = any($1::int[]) returning id)
select id, (select pg_notify('trunkline', 's')) told from w
