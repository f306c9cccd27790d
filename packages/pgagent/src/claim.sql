-- Claims the job that is due longest, for one agent, and opens its log row. Another agent's row is skipped; enabled, due and host are looked at under the lock.
-- $1 pid of the agent's session int  $2 host name text  $3 due until timestamptz
with due as materialized (
    select jobid, jobnextrun::text claimed_at from pgagent.pga_job
    where jobenabled and jobagentid is null and jobnextrun <= least($3::timestamptz, now()) and jobhostagent in ('', $2::text)
    order by jobnextrun for update skip locked limit 1),
  claimed as (
    update pgagent.pga_job j set jobagentid = $1::int, joblastrun = now() from due where j.jobid = due.jobid returning j.jobid, j.jobname, due.claimed_at),
  logged as (insert into pgagent.pga_joblog(jlgjobid, jlgstatus) select jobid, 'r' from claimed returning jlgid)
select c.jobid job_id, c.jobname, c.claimed_at, l.jlgid log_id, trunkline_pgagent.session_of(l.jlgid) session from claimed c, logged l
