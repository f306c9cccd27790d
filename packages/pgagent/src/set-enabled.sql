-- Enables or disables a job; the trigger computes its next run. No row when there is none such.
-- $1 job int  $2 enabled boolean
update pgagent.pga_job set jobenabled = $2::boolean where jobid = $1::int returning jobid
