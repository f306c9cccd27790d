-- Sets the thresholds of a queue in place of those it has; with null it has none. Answers the queue, or no row.
-- $1 queue text  $2 thresholds jsonb or null  $3 by whom text or null
with q as (select id from trunkline.queue where name = $1),
  d as (delete from trunkline.queue_health h using q where h.queue_id = q.id and $2::jsonb is null),
  i as (insert into trunkline.queue_health(queue_id, thresholds, set_by) select id, $2::jsonb, $3 from q where $2::jsonb is not null
    on conflict (queue_id) do update set thresholds = excluded.thresholds, set_by = excluded.set_by, better_since = null)
select id from q
