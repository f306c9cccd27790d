-- A user by what an identity provider calls them.
-- $1 issuer text  $2 subject there text
select id, email, name, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
from trunkline.account where issuer = $1 and issuer_subject = $2
