-- Marks one line of an inbox as read, or all.
-- $1 account uuid  $2 notification uuid or null
with r as (update trunkline.notification set read_at = now() where account_id = $1 and ($2::uuid is null or id = $2) and read_at is null returning 1)
select (select count(*) from trunkline.notification where account_id = $1 and ($2::uuid is null or id = $2))::int there, (select count(*) from r)::int read
