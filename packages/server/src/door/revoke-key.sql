-- Revokes an API key by id or prefix; of one user, or of anybody.
-- $1 id or prefix text  $2 account uuid or null
update trunkline.api_key set revoked_at = coalesce(revoked_at, now())
where (id::text = $1 or prefix = $1) and ($2::uuid is null or account_id = $2) returning prefix, name
