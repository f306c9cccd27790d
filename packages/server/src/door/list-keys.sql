-- API keys, newest first; of one user or of all.
-- $1 account uuid or null
select k.id, k.prefix, k.name, a.email owner, k.role, k.scopes, k.rights, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
from trunkline.api_key k join trunkline.account a on a.id = k.account_id
where $1::uuid is null or k.account_id = $1 order by k.created_at desc limit 10000
