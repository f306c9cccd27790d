-- After an answer was lost, or fewer jobs were ended than sent: which of them did this worker itself end or put back?
-- A crash row names this worker as well, but others wrote it: they took the job over.
-- $1 worker int  $2 id int8[]
select id::text from trunkline.outcome where id = any($2::bigint[]) and worker_id = $1
union
select id::text from trunkline.attempt where id = any($2::bigint[]) and worker_id = $1 and kind not in (2, 12)
