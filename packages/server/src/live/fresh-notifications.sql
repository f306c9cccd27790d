-- What lately came into the inboxes of those who are connected.
-- $1 accounts uuid[]
select id::text, account_id::text, kind, title, message, job_id::text, created_at from trunkline.notification
where account_id = any($1::uuid[]) and created_at > now() - interval '15 s' order by created_at limit 500
