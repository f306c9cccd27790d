-- A user by id.
-- $1 account uuid
select id, email, name, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
from trunkline.account where id = $1
