-- A new API key.
-- $1 prefix text  $2 hash bytea  $3 name text  $4 account uuid  $5 role text  $6 scopes jsonb  $7 rights text[]  $8 expires timestamptz or null
with k as (insert into trunkline.api_key(prefix, hash, name, account_id, role, scopes, rights, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8) returning *)
select k.id, k.prefix, k.name, a.email owner, k.role, k.scopes, k.rights, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
from k join trunkline.account a on a.id = k.account_id
