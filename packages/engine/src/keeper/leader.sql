-- Becomes or stays the leader of a name: takes the row when it is free or expired, renews it when it is ours. Answers the fence, null
-- when somebody else leads, and what the clock of the database says, in ms.
-- $1 name text  $2 holder text  $3 for interval
with led as (
  insert into trunkline.leader as l (name, holder, fence, until) values ($1, $2, 1, now() + $3::interval)
  on conflict (name) do update
    set holder = excluded.holder, until = excluded.until, fence = l.fence + (l.holder <> excluded.holder)::int
    where l.holder = excluded.holder or l.until < now()
  returning fence::text)
select (select fence from led), extract(epoch from clock_timestamp())::float8 * 1000
