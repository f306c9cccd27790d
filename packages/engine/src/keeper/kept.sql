-- A range of ids, in one pass: how many jobs may go, by queue, task and status; and the ids of those that must stay, because they
-- have not ended or ended after the cutoff (at most 20,001 of a group). Debounced jobs of the range stay as well.
-- $1 from id int8  $2 below id int8  $3 cutoff timestamptz
select queue_id, task_id, status, keep, count(*)::int n, (array_agg(id) filter (where keep))[1:20001] ids from (
  select j.id, o.queue_id, o.task_id, o.status, o.id is null or o.finished_at > $3 keep
  from trunkline.job j left join trunkline.outcome o on o.id = j.id and o.id >= $1 and o.id < $2 where j.id >= $1 and j.id < $2) z
group by queue_id, task_id, status, keep
union all
select null, null, null, true, count(*)::int, array_agg(id) from trunkline.debounce where id >= $1 and id < $2 having count(*) > 0
