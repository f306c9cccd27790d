-- No key signs any more; with $1, tokens that they have signed are refused as well.
-- $1 at once boolean
update trunkline.signing_key set retires_at = least(retires_at, now()), expires_at = case when $1 then least(expires_at, now()) else expires_at end
