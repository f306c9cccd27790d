-- Marks a range as closing: nothing of it may be retried from now on. Waits for retries that have looked at it before. Or takes the mark away.
-- $1 range int  $2 closing boolean
update trunkline.id_range set closing_at = case when $2::boolean then coalesce(closing_at, now()) end where no = $1
