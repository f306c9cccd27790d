-- Keeps the frozen selection of a bulk action. Those older than 30 days go with it.
-- $1 verb text  $2 options jsonb  $3 within jsonb or null  $4 by whom text or null  $5 ids int8[]
with old as (delete from trunkline.bulk_run where created_at < now() - interval '30 days')
insert into trunkline.bulk_run(verb, options, within, by_whom, ids) values ($1, $2, $3, $4, $5::bigint[]) returning id::text
