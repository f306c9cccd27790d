-- Binds a user whom an administrator has entered, without a password, to an identity provider.
-- $1 email text  $2 issuer text  $3 subject there text
update trunkline.account set issuer = $2, issuer_subject = $3, updated_at = now()
where email = $1 and issuer is null and password is null
returning id, email, name, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
