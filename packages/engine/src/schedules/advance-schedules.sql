-- Says how far schedules were dealt with and when to look at them again.
-- $1 id uuid[]  $2 handled to timestamptz[]  $3 next slot timestamptz[]  $4 due at timestamptz[]  $5 missed int8[]  $6 the pause is over boolean[]
with i as materialized (select * from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::int8[], $6::boolean[]) u(id, handled_to, next_slot, due_at, missed, over)),
  s as (update trunkline.schedule s set handled_to = i.handled_to, next_slot = i.next_slot, due_at = i.due_at, missed_slots = s.missed_slots + i.missed,
    skip_slot = case when s.skip_slot > i.handled_to then s.skip_slot end,
    paused_at = case when not i.over then s.paused_at end, paused_until = case when not i.over then s.paused_until end,
    paused_reason = case when not i.over then s.paused_reason end, paused_by = case when not i.over then s.paused_by end
    from i where s.id = i.id returning s.id, s.name, i.over),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'schedule', jsonb_build_object('what', 'resumed', 'schedule', id, 'name', name, 'by', 'its end') from s where over)
select count(*)::int n from s
