-- Notes the job that was made under an idempotency key.
-- $1 queue int  $2 key text  $3 its window in ms int8  $4 the request text  $5 job int8
update trunkline.key set id = $5, at = clock_timestamp(), window_ms = $3, hash = sha256(convert_to($4, 'UTF8')) where queue_id = $1 and kind = 1 and key = $2
