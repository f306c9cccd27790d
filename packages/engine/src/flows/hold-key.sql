-- Takes an idempotency key for a job that is about to be made, or finds the job that was made under it. Takes the row's lock: from here
-- every caller of this key waits. Its own statement, because the next one must look with younger eyes.
-- $1 queue int  $2 key text  $3 its window in ms int8  $4 the request text
with n as materialized (select sha256(convert_to($4, 'UTF8')) hash),
  k as (insert into trunkline.key as x (queue_id, kind, key, id, mode, at, window_ms, hash)
    select $1::int, 1, $2::text, 0, 5, clock_timestamp(), $3::int8, n.hash from n
    on conflict (queue_id, kind, key) do update set mode = x.mode returning x.*)
select case when k.id <> 0 and k.at + k.window_ms * interval '1ms' > clock_timestamp() then k.id::text end id, k.hash = n.hash same from k, n
