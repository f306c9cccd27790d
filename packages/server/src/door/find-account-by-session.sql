-- The user of a session that has not expired.
-- $1 hash bytea
select a.id, a.email, a.name, a.role, a.scopes, a.rights, a.is_enabled, a.generation, a.created_at, a.last_login_at, s.generation of_generation, s.expires_at
from trunkline.session s join trunkline.account a on a.id = s.account_id where s.hash = $1 and s.expires_at > now()
