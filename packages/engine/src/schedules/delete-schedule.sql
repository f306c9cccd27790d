-- Deletes a schedule and its history; its jobs stay. Answers its id, or no row.
-- $1 id uuid  $2 by whom text
with d as (delete from trunkline.schedule where id = $1 returning id, name),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'schedule', jsonb_build_object('what', 'deleted', 'schedule', id, 'name', name, 'by', $2::text) from d)
select id from d
