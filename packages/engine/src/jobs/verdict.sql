-- After an answer was lost, or fewer jobs were ended than sent: which of these executions did this worker itself end or put back?
-- Its number of the execution counts too: the worker may have had the same job before. A crash row names this worker as well, but
-- others wrote it: they took the job over.
-- $1 worker int  $2 id int8[]  $3 executions before this one int[], beside the ids
with x as materialized (select * from unnest($2::bigint[], $3::int[]) x(id, a))
select o.id::text from trunkline.outcome o join x on x.id = o.id and x.a = o.attempt where o.id = any($2::bigint[]) and o.worker_id = $1
union
select t.id::text from trunkline.attempt t join x on x.id = t.id and x.a = t.attempt where t.id = any($2::bigint[]) and t.worker_id = $1 and t.kind not in (2, 12)
