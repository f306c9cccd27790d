-- The user of a token, unless it was given back.
-- $1 account uuid  $2 jti text
select id, email, name, role, scopes, rights, is_enabled, generation, created_at, last_login_at
from trunkline.account where id = $1 and not exists (select from trunkline.revoked_token r where r.jti = $2)
