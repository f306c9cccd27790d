-- Deletes ended runs that are older than is kept, or beyond the number that is kept of each job; at most a thousand, and answers how many.
-- $1 days int or null  $2 runs of each job int or null
with ended as (
    select jlgid, jlgstart, row_number() over (partition by jlgjobid order by jlgid desc) n from pgagent.pga_joblog where jlgstatus <> 'r'),
  old as (select jlgid from ended where n > $2::int or jlgstart < now() - make_interval(days => $1::int) order by jlgid limit 1000),
  gone as (delete from pgagent.pga_joblog where jlgid in (select jlgid from old) returning jlgid),
  notices as (delete from trunkline_pgagent.step_notice where jslid in (
    select s.jslid from pgagent.pga_jobsteplog s where s.jsljlgid in (select jlgid from gone))),
  singles as (delete from trunkline_pgagent.step_run where jlgid in (select jlgid from gone)),
  cancels as (delete from trunkline_pgagent.cancel where jlgid in (select jlgid from gone))
select count(*)::int n from gone
