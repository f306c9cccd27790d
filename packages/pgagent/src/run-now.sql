-- Has a job run now, without disturbing its schedule; no row when there is none such, or it is disabled or running.
-- $1 job int
with j as (update pgagent.pga_job set jobnextrun = now() where jobid = $1::int and jobenabled and jobagentid is null returning jobid)
select jobid, pg_notify('trunkline_pgagent', json_build_object('event', 'due', 'job', jobid)::text) from j
