-- Pauses a queue in the name of a job of it. A pause that is there and ends later, or not by itself, stays.
-- $1 queue text  $2 until timestamptz or null  $3 reason text or null  $4 by whom text  $5 for so many ms int8 or null
with e as materialized (select coalesce($2::timestamptz, now() + $5::int8 * interval '1ms') until),
  q as (update trunkline.queue t set paused_at = coalesce(t.paused_at, now()), paused_until = e.until, paused_reason = $3, paused_by = $4 from e
    where t.name = $1 and (t.paused_at is null or t.paused_until < e.until) returning t.id, t.name, t.paused_until),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'queue', jsonb_build_object('queue', name, 'paused', true, 'until', paused_until) from q)
select id from q
