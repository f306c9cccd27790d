-- Remembers that a key was used: once a minute is enough.
-- $1 key uuid
update trunkline.api_key set last_used_at = now() where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 min')
