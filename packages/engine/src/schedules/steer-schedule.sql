-- Pauses a schedule, resumes it, or marks a slot to be left out; answers its id, or no row.
-- $1 id uuid  $2 verb text: paused, resumed, skips  $3 until timestamptz  $4 for ms int8  $5 reason text  $6 by whom text  $7 slot to leave out timestamptz
with s as (update trunkline.schedule s set
    paused_at = case $2 when 'paused' then coalesce(s.paused_at, now()) when 'resumed' then null else s.paused_at end,
    paused_until = case $2 when 'paused' then coalesce($3::timestamptz, now() + $4::int8 * interval '1ms') when 'resumed' then null else s.paused_until end,
    paused_reason = case $2 when 'paused' then $5::text when 'resumed' then null else s.paused_reason end,
    paused_by = case $2 when 'paused' then $6::text when 'resumed' then null else s.paused_by end,
    failures = case $2 when 'resumed' then 0 else s.failures end,
    skip_slot = case $2 when 'skips' then $7::timestamptz else s.skip_slot end,
    due_at = case when not s.is_enabled then null when $2 = 'paused' then coalesce($3::timestamptz, now() + $4::int8 * interval '1ms') when $2 = 'resumed' then s.next_slot else s.due_at end
    where s.id = $1 returning s.id, s.name, s.paused_until),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'schedule',
      jsonb_strip_nulls(jsonb_build_object('what', $2::text, 'schedule', id, 'name', name, 'by', $6::text, 'reason', $5::text, 'until', paused_until, 'slot', $7::timestamptz)) from s)
select id from s
