-- Forgets keys that hold nothing any more: their window is over, and their job has ended or is gone. Looks at a slice, oldest
-- first; a row that was touched within the last minute is not judged, since its job may be younger than our look.
-- $1 after timestamptz  $2 at most int
with c as materialized (
    select x.queue_id, x.kind, x.key, x.id, x.mode, x.at, x.window_ms from trunkline.key x
    where x.at > $1 and x.at < now() - interval '1 minute' order by x.at limit $2 for update skip locked),
  free as materialized (
    select c.queue_id, c.kind, c.key from c left join trunkline.outcome o on o.id = c.id
    where c.at + c.window_ms * interval '1ms' < now() and (c.mode in (4, 5)
      or o.finished_at + c.window_ms * interval '1ms' < now()
      or (o.id is null and not exists (select from trunkline.job j where j.id = c.id)))),
  d as (delete from trunkline.key x using free f where x.queue_id = f.queue_id and x.kind = f.kind and x.key = f.key returning 1)
select (select count(*) from d)::int n, (select count(*) from c)::int looked, (select max(at)::text from c) last
