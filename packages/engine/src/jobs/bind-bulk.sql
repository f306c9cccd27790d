-- Says which job works through a bulk action.
-- $1 bulk int8  $2 job int8
update trunkline.bulk_run set job_id = $2 where id = $1
