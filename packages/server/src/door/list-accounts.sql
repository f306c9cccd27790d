-- All users by e-mail.
select id, email, name, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
from trunkline.account order by email limit 10000
