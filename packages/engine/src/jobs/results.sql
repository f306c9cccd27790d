-- How the jobs that somebody waits for have ended, as far as they have.
-- $1 id int8[]
select o.id::text, o.status, o.result::text, o.error from trunkline.outcome o where o.id = any($1::bigint[])
