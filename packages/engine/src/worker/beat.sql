-- A worker's sign of life: the ids really in its slots, its load. No row = it was given up as dead. Answers the cancellations
-- that wait for it, and whether it was asked to stop.
-- $1 worker int  $2 running int8[]  $3 state text  $4 rss int8  $5 cpu % float4  $6 loop lag in ms float4
update trunkline.worker set beat = now(), running = $2, state = $3, rss = $4, cpu_percent = $5, loop_lag_ms = $6 where id = $1
returning (select array_agg(id) from trunkline.cancel_wanted where worker_id = $1) wanted, stop_wanted
