-- Forgets workers that ended longer ago than $1, and supervisors that were not heard of for $2. Answers how many workers.
-- $1 age interval  $2 silence interval
with s as (delete from trunkline.supervisor where beat < now() - $2::interval),
  d as (delete from trunkline.worker_past where ended_at < now() - $1::interval returning 1)
select count(*)::int n from d
