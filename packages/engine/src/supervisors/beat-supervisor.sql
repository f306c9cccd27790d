-- A supervisor's sign of life; some of its workers were asked to stop and are not wanted any more. Answers how many are. No row = it was forgotten.
-- $1 supervisor int  $2 workers running int  $3 workers that stopped on request int
update trunkline.supervisor set beat = now(), workers_running = $2, workers_wanted = greatest(0, workers_wanted - $3)
where id = $1 returning workers_wanted
