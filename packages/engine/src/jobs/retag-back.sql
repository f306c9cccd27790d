-- Gives jobs the tags that they had, where they still have those that the bulk action gave them. Answers their ids.
-- $1 jobs jsonb [{id, tags}]  $2 tags that the bulk action gave text[]
with i as materialized (
    select x.id, array(select jsonb_array_elements_text(x.tags)) tags from jsonb_to_recordset($1::jsonb) x(id bigint, tags jsonb)),
  j as materialized (
    select i.id, i.tags from i join trunkline.job j on j.id = i.id left join trunkline.retagged g on g.id = i.id
    where coalesce(g.tags, j.tags, '{}') = $2::text[] and not exists (select from trunkline.hidden h where h.id = i.id)),
  d as (update trunkline.debounce b set tags = i.tags from i where b.id = i.id and coalesce(b.tags, '{}') = $2::text[] returning b.id),
  g as (insert into trunkline.retagged(id, tags) select id, tags from j on conflict (id) do update set tags = excluded.tags),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'tagged', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from (select id from j union select id from d) z having count(*) > 0)
select id::text from j union select id::text from d
