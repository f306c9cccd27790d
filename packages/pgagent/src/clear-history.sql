-- Deletes the log of what has ended, of a job.
-- $1 job int  $2 only what began before timestamptz or null
with gone as (
    delete from pgagent.pga_joblog where jlgjobid = $1::int and jlgstatus <> 'r' and ($2::timestamptz is null or jlgstart < $2::timestamptz) returning jlgid),
  notices as (delete from trunkline_pgagent.step_notice where jslid in (
    select s.jslid from pgagent.pga_jobsteplog s where s.jsljlgid in (select jlgid from gone))),
  singles as (delete from trunkline_pgagent.step_run where jlgid in (select jlgid from gone)),
  cancels as (delete from trunkline_pgagent.cancel where jlgid in (select jlgid from gone))
select count(*)::int runs from gone
