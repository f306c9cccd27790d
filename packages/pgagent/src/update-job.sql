-- Changes a job; no row when there is no such class.
-- $1 job int  $2 class text  $3 name text  $4 description text  $5 host agent text  $6 enabled boolean
update pgagent.pga_job set jobjclid = c.jclid, jobname = $3::text, jobdesc = $4::text, jobhostagent = $5::text, jobenabled = $6::boolean, jobchanged = now()
from pgagent.pga_jobclass c where c.jclname = $2::text and jobid = $1::int returning jobid id
