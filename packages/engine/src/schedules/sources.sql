-- What jobs of schedules are made of, and which of their runs have not ended. In a statement of its own, after the schedules were
-- taken: only a younger snapshot shows what another scheduler did with them.
-- $1 ids uuid[]
select s.id, t.id task_id, t.queue, t.priority::int, t.max_attempts::int, t.timeout_ms::float8, p.id template_id, p.version template_version,
  p.payload template_payload, p.options template_options, t.name task, p.input_schema, t.input_schema task_schema,
  array(select l.job_id::text from trunkline.slot l where l.schedule_id = s.id and l.state = 'fired' and not l.manual and l.reason is distinct from 'backfill'
    and exists (select from trunkline.job j where j.id = l.job_id) and not exists (select from trunkline.outcome o where o.id = l.job_id)) open_jobs,
  (select min(l.slot_at) from trunkline.slot l where l.schedule_id = s.id and l.state = 'waiting') waiting
from trunkline.schedule s left join trunkline.template p on p.id = s.template_id join trunkline.task t on t.id = coalesce(p.task_id, s.task_id)
where s.id = any($1::uuid[])
