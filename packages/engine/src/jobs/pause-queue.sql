-- Pauses a queue: it gives out nothing until its end, or until somebody resumes it. Answers the queue, or no row.
-- $1 queue text  $2 until timestamptz or null  $3 reason text or null  $4 by whom text or null  $5 for so many ms int8 or null
with q as (update trunkline.queue set paused_at = coalesce(paused_at, now()), paused_until = coalesce($2::timestamptz, now() + $5::int8 * interval '1ms'), paused_reason = $3, paused_by = $4 where name = $1 returning id, name, paused_until),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'queue', jsonb_build_object('queue', name, 'paused', true, 'until', paused_until) from q)
select id from q
