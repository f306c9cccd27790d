-- Makes a schedule, or replaces what is said of one; answers its id and version, or no row when it is gone or was changed meanwhile.
-- $1 id uuid or null (new)  $2 name  $3 description  $4 template uuid  $5 task int  $6 payload jsonb  $7 options jsonb  $8 rhythm jsonb  $9 missed jsonb
-- $10 overlap  $11 jitter ms  $12 failure limit  $13 enabled  $14 now timestamptz  $15 next slot  $16 due at  $17 by whom  $18 expected version or null
-- $19 handled to timestamptz
with made as (insert into trunkline.schedule(name, description, template_id, task_id, payload, options, rhythm, missed, overlap, jitter_ms, failure_limit, is_enabled,
      created_at, updated_at, handled_to, next_slot, due_at, created_by, updated_by)
    select $2::text, $3::text, $4::uuid, $5::int, $6::jsonb, $7::jsonb, $8::jsonb, $9::jsonb, $10::text, $11::int8, $12::int, $13::boolean,
      $14::timestamptz, $14, $19::timestamptz, $15::timestamptz, $16::timestamptz, $17::text, $17 where $1::uuid is null
    returning id, name, version),
  changed as (update trunkline.schedule s set name = $2, description = $3, template_id = $4, task_id = $5, payload = $6, options = $7, rhythm = $8, missed = $9, overlap = $10,
      jitter_ms = $11, failure_limit = $12, is_enabled = $13, updated_at = $14, handled_to = $19, next_slot = $15, due_at = $16, updated_by = $17, version = s.version + 1,
      failures = case when $13 and not s.is_enabled then 0 else s.failures end, skip_slot = case when s.rhythm = $8 then s.skip_slot end
    where s.id = $1 and ($18::int is null or s.version = $18) returning id, name, version),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'schedule', jsonb_build_object('what', case when $1::uuid is null then 'created' else 'changed' end, 'schedule', id, 'name', name, 'by', $17)
    from (select * from made union all select * from changed) z)
select id, version from made union all select id, version from changed
