-- Lets the next sweep take over what this worker holds at once, because its process is about to end.
-- $1 worker int  $2 running int8[]
update trunkline.worker set beat = '-infinity', running = $2 where id = $1
