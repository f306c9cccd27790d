-- A new session. Those that are over go with it.
-- $1 hash bytea  $2 account uuid  $3 generation int  $4 lasts ms int8  $5 address text  $6 agent text
with old as (delete from trunkline.session where expires_at < now())
insert into trunkline.session(hash, account_id, generation, expires_at, address, agent)
values ($1, $2, $3, now() + $4::int8 * interval '1ms', $5, $6) returning expires_at
