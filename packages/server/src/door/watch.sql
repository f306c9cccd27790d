-- Somebody wants to hear of the end of a job.
-- $1 job int8  $2 account uuid
insert into trunkline.watch(job_id, account_id) values ($1, $2) on conflict do nothing
