-- A user by e-mail, with the hash of the password.
-- $1 email text
select id, email, name, password, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
from trunkline.account where email = $1
