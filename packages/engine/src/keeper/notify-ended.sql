-- Tells those who watch jobs that have ended, each once, and forgets old notifications.
-- $1 limit int
with gone as (
    delete from trunkline.watch w using (
      select w.job_id, w.account_id, o.status, o.attempt, o.error, o.finished_at, t.name task from trunkline.watch w
        join trunkline.outcome o on o.id = w.job_id join trunkline.task t on t.id = o.task_id limit $1) e
    where w.job_id = e.job_id and w.account_id = e.account_id
    returning e.*),
  old as (delete from trunkline.notification where created_at < now() - interval '30 days'),
  made as (insert into trunkline.notification(account_id, job_id, kind, title, message)
    select g.account_id, g.job_id, case g.status when 2 then 'job_completed' when 3 then 'job_failed' else 'job_cancelled' end,
      g.task || case g.status when 2 then ' completed' when 3 then ' failed' else ' was cancelled' end,
      'Job ' || g.job_id || case g.status when 2 then ' completed.' when 3 then ' failed: ' || left(coalesce(g.error ->> 'message', 'no message'), 500) else ' was cancelled.' end
    from gone g join trunkline.account a on a.id = g.account_id
    where a.is_enabled and case coalesce(a.preferences ->> 'jobs', 'all') when 'all' then true when 'failed' then g.status = 3 else false end
    returning 1)
select (select count(*) from gone)::int n
