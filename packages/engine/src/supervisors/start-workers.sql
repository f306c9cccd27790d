-- Asks a supervisor to run more workers: the given one, else the one that was started last. Answers how many it is asked for now.
-- $1 more int  $2 supervisor int or null  $3 heard of within interval  $4 most int
with s as materialized (
    select id, workers_wanted from trunkline.supervisor
    where beat > now() - $3::interval and ($2::int is null or id = $2) order by id desc limit 1 for update),
  u as (update trunkline.supervisor set workers_wanted = s.workers_wanted + $1 from s where supervisor.id = s.id and s.workers_wanted + $1 <= $4)
select id, workers_wanted from s
