-- A new job; no row when there is no such class.
-- $1 class text  $2 name text  $3 description text  $4 host agent text  $5 enabled boolean
insert into pgagent.pga_job(jobjclid, jobname, jobdesc, jobhostagent, jobenabled)
select jclid, $2::text, $3::text, $4::text, $5::boolean from pgagent.pga_jobclass where jclname = $1::text returning jobid id
