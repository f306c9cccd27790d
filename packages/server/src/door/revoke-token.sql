-- Gives a token back. Those that have expired anyway are forgotten.
-- $1 jti text  $2 expires timestamptz
with old as (delete from trunkline.revoked_token where expires_at < now())
insert into trunkline.revoked_token(jti, expires_at) values ($1, $2) on conflict do nothing
