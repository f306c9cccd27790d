-- How many jobs the counters know, by status: an estimate for queries that ask for nothing but state, task and queue.
-- $1 statuses int2[]  $2 tasks int[] or null = any  $3 queues int[] or null = any
select coalesce(sum(n), 0)::float8 n from (
  select n from trunkline.stat where status = any($1::int2[]) and ($2::int[] is null or task_id = any($2)) and ($3::int[] is null or queue_id = any($3))
  union all
  select n from trunkline.stat_delta where status = any($1::int2[]) and ($2::int[] is null or task_id = any($2)) and ($3::int[] is null or queue_id = any($3))
  union all
  select -n from trunkline.expired where status = any($1::int2[]) and ($2::int[] is null or task_id = any($2)) and ($3::int[] is null or queue_id = any($3))) z
