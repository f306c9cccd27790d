-- How the jobs that somebody waits for have ended, as far as they have; and which of them are not there, without a status.
-- $1 id int8[]  $2 are the missing ones looked for boolean
select o.id::text, o.status, o.result::text, o.error from trunkline.outcome o where o.id = any($1::bigint[])
union all
select u::text, null, null, null from unnest($1::bigint[]) u
where $2::boolean and not exists (select from trunkline.job j where j.id = u) and not exists (select from trunkline.outcome o where o.id = u)
