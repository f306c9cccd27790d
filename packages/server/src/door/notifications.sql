-- The inbox of a user.
-- $1 account uuid  $2 only unread boolean  $3 limit int
select (select coalesce(json_agg(x order by x.created_at desc), '[]') from (
    select n.id, n.job_id::text, n.kind, n.title, n.message, n.created_at, n.read_at from trunkline.notification n
    where n.account_id = $1 and (not $2 or n.read_at is null) order by n.created_at desc limit $3) x) data,
  (select count(*) from trunkline.notification n where n.account_id = $1)::int total,
  (select count(*) from trunkline.notification n where n.account_id = $1 and n.read_at is null)::int unread
