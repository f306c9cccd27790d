-- Forgets slots that were dealt with long ago; their jobs have their own retention.
-- $1 kept interval  $2 limit int
with d as (delete from trunkline.slot where ctid = any(array(
  select ctid from trunkline.slot where fired_at < now() - $1::interval and state not in ('fired', 'waiting') order by fired_at limit $2)) returning 1)
select count(*)::int from d
