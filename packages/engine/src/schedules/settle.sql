-- Writes down how runs of schedules ended, counts failures in a row, pauses a schedule after too many, and wakes one whose slot waits.
-- Schedules are locked before their slots, as a tick does.
-- $1 limit int
with e as materialized (
    select l.schedule_id, l.slot_at, l.manual, o.status, o.finished_at, o.error ->> 'message' message
    from trunkline.slot l join trunkline.outcome o on o.id = l.job_id where l.state = 'fired' order by l.job_id limit $1),
  k as materialized (select s.id, s.name from trunkline.schedule s where s.id = any(array(select distinct schedule_id from e)) order by s.id for update skip locked),
  l as (update trunkline.slot l set state = case e.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end, finished_at = e.finished_at
    from e, k where k.id = e.schedule_id and l.schedule_id = e.schedule_id and l.slot_at = e.slot_at and l.manual = e.manual and l.state = 'fired' returning l.schedule_id),
  ok as materialized (select schedule_id, max(finished_at) at from e where status = 2 group by 1),
  c as materialized (select e.schedule_id, bool_or(e.status = 2) ok, count(*) filter (where e.status = 3 and e.finished_at > coalesce(ok.at, '-infinity')) failed,
      (array_agg(e.message order by e.finished_at desc) filter (where e.status = 3))[1] message
    from e left join ok on ok.schedule_id = e.schedule_id group by 1),
  n as materialized (select k.id, k.name, c.message, c.failed + case when c.ok then 0 else s.failures end failures, s.failure_limit,
      s.failure_limit > 0 and c.failed > 0 and c.failed + case when c.ok then 0 else s.failures end >= s.failure_limit and s.paused_at is null as pauses
    from k join c on c.schedule_id = k.id join trunkline.schedule s on s.id = k.id),
  u as (update trunkline.schedule s set failures = n.failures,
      paused_at = case when n.pauses then now() else s.paused_at end, paused_until = case when n.pauses then null else s.paused_until end,
      paused_reason = case when n.pauses then format('%s runs in a row failed; the last: %s', n.failures, left(coalesce(n.message, 'no message'), 300)) else s.paused_reason end,
      paused_by = case when n.pauses then 'failures' else s.paused_by end,
      due_at = case when n.pauses then null
        when s.due_at is not null and exists (select from trunkline.slot w where w.schedule_id = s.id and w.state = 'waiting') then least(s.due_at, now())
        when s.due_at is null and s.is_enabled and s.paused_at is null and exists (select from trunkline.slot w where w.schedule_id = s.id and w.state = 'waiting') then now()
        else s.due_at end
    from n where s.id = n.id returning s.id, s.name, n.pauses, s.paused_reason, s.failures),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'schedule',
      jsonb_build_object('what', 'paused', 'schedule', id, 'name', name, 'by', 'failures', 'failures', failures, 'reason', paused_reason) from u where pauses)
select (select count(*) from e)::int n, coalesce((select jsonb_agg(jsonb_build_object('id', id, 'name', name, 'reason', paused_reason)) from u where pauses), '[]') paused
