-- The number of a queue; makes it when it is new.
-- $1 name text
with old as materialized (select id from trunkline.queue where name = $1),
  new as (insert into trunkline.queue(name) select $1 where not exists (select from old)
    on conflict (name) do update set name = excluded.name returning id)
select id from old union all select id from new
