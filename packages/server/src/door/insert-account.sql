-- A new user; no row where the e-mail is taken.
-- $1 email text  $2 name text or null  $3 password hash text or null  $4 role text  $5 scopes jsonb  $6 rights text[]  $7 issuer text or null  $8 subject there text or null
insert into trunkline.account(email, name, password, role, scopes, rights, issuer, issuer_subject) values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing
returning id, email, name, password, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
