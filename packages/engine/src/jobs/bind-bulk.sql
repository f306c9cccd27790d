-- Says which job works through a bulk action. Those older than 30 days go with it.
-- $1 bulk int8  $2 job int8
with old as (delete from trunkline.bulk_run where created_at < now() - interval '30 days')
update trunkline.bulk_run set job_id = $2 where id = $1
