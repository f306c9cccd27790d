-- Do these credentials still stand? Users as they are now; sessions, keys and tokens that are no longer good.
-- $1 accounts uuid[]  $2 session hashes bytea[]  $3 key prefixes text[]  $4 token ids text[]
select
  (select json_object_agg(id, json_build_object('is_enabled', is_enabled, 'role', role, 'generation', generation, 'scopes', scopes, 'rights', rights)) from trunkline.account where id = any($1::uuid[])) accounts,
  (select array_agg(encode(h, 'hex')) from unnest($2::bytea[]) h
    where not exists (select from trunkline.session s where s.hash = h and s.expires_at > now())) sessions,
  (select array_agg(p) from unnest($3::text[]) p
    where not exists (select from trunkline.api_key k where k.prefix = p and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()))) keys,
  (select array_agg(jti) from trunkline.revoked_token where jti = any($4::text[])) tokens
