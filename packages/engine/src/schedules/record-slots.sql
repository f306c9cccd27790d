-- Records slots, each once: a slot that is there already is left alone, unless its state may be replaced. Answers those that were recorded.
-- $1 schedule uuid[]  $2 slot timestamptz[]  $3 manual boolean[]  $4 state text[]  $5 reason text[]  $6 by whom text or null  $7 states that may be replaced text[]
insert into trunkline.slot as l (schedule_id, slot_at, manual, state, reason, by_whom)
select i, at, m, s, r, $6::text from unnest($1::uuid[], $2::timestamptz[], $3::boolean[], $4::text[], $5::text[]) u(i, at, m, s, r)
on conflict (schedule_id, slot_at, manual) do update set state = excluded.state, reason = excluded.reason, fired_at = now(), by_whom = excluded.by_whom
  where l.state = any($7::text[])
returning l.schedule_id, l.slot_at, l.manual, l.state
