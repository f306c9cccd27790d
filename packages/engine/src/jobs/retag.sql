-- Gives jobs other tags, whatever state they are in. Answers the ids that are there.
-- $1 ids int8[]  $2 tags text[]
with j as materialized (select j.id from trunkline.job j where j.id = any($1::bigint[]) and not exists (select from trunkline.hidden h where h.id = j.id)),
  d as (update trunkline.debounce set tags = $2 where id = any($1::bigint[]) returning id),
  g as (insert into trunkline.retagged(id, tags) select id, $2 from j on conflict (id) do update set tags = excluded.tags),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'tagged', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from (select id from j union select id from d) z having count(*) > 0)
select id::text from j union select id::text from d
