-- Schedules as people see them, by name.
-- $1 id uuid or null  $2 name text or null  $3 template uuid or null  $4 after name text or null  $5 limit int
-- whose: $6 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select s.id, s.name, s.description, s.template_id, t.name task, coalesce(s.options ->> 'queue', p.options ->> 'queue', t.queue) queue, s.payload, s.options, s.rhythm,
  s.missed, s.overlap, s.jitter_ms::float8, s.failure_limit, s.is_enabled, s.paused_at, s.paused_until, s.paused_reason, s.paused_by, s.skip_slot, s.failures,
  s.handled_to, s.next_slot, s.missed_slots::float8, s.version, s.created_at, s.created_by, s.updated_at, s.updated_by,
  l.slot_at last_slot, l.state last_state, l.job_id::text last_job, l.fired_at last_fired, l.manual last_manual
from trunkline.schedule s left join trunkline.template p on p.id = s.template_id join trunkline.task t on t.id = coalesce(p.task_id, s.task_id)
left join lateral (select x.slot_at, x.state, x.job_id, x.fired_at, x.manual from trunkline.slot x where x.schedule_id = s.id and x.state <> 'waiting' order by x.slot_at desc limit 1) l on true
where ($1::uuid is null or s.id = $1) and ($2::text is null or s.name = $2) and ($3::uuid is null or s.template_id = $3) and ($4::text is null or s.name > $4)
  and ($6::jsonb is null or s.created_by = $6 ->> 'by' or (
    ($6 -> 'queues' is null or coalesce(s.options ->> 'queue', p.options ->> 'queue', t.queue) like any(array(select jsonb_array_elements_text($6 -> 'queues'))))
    and ($6 -> 'tasks' is null or t.name like any(array(select jsonb_array_elements_text($6 -> 'tasks'))))))
order by s.name limit $5
