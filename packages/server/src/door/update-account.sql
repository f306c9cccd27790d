-- Changes a user. Tokens and sessions of before are refused where password, role, scope, rights or the switch have changed.
-- $1 account uuid  $2 name text  $3 has name boolean  $4 password hash text or null  $5 role text or null  $6 scopes jsonb or null  $7 rights text[] or null  $8 enabled boolean or null
update trunkline.account set name = case when $3 then $2 else name end, password = coalesce($4, password), role = coalesce($5, role),
  scopes = coalesce($6::jsonb, scopes), rights = coalesce($7::text[], rights), is_enabled = coalesce($8, is_enabled), updated_at = now(),
  generation = generation + case when $4 is not null or $5 is not null or $6 is not null or $7 is not null or $8 is not null then 1 else 0 end
where id = $1
returning id, email, name, role, scopes, rights, is_enabled, generation, issuer, issuer_subject, created_at, last_login_at
