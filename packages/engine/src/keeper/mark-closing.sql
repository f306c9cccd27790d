-- Marks a range as closing: nothing of it may be retried from now on. Waits for retries that have looked at it before.
-- $1 range int
update trunkline.id_range set closing_at = coalesce(closing_at, now()) where no = $1
