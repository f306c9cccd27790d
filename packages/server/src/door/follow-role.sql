-- The role that the identity provider gives now; tokens with another one are refused from then on.
-- $1 account uuid  $2 role text
update trunkline.account set role = $2, generation = generation + 1, updated_at = now() where id = $1 and role <> $2
returning id, email, name, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
