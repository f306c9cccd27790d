-- An API key that holds, with its owner.
-- $1 prefix text
select a.id, a.email, a.name, a.role, a.scopes, a.rights, a.is_enabled, a.generation, a.created_at, a.last_login_at,
  k.id key_id, k.hash, k.role key_role, k.scopes key_scopes, k.rights key_rights, k.expires_at, k.last_used_at
from trunkline.api_key k join trunkline.account a on a.id = k.account_id
where k.prefix = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
