-- Before a retry: the keys of these jobs are locked, so that nobody takes one of them meanwhile, and the ranges of their ids, so
-- that retention does not begin to remove one of them. Its own statement, because the next one must look with younger eyes.
-- $1 ids int8[]
with r as materialized (
    select no from trunkline.id_range where no = any(array(select distinct (u / 500000)::int from unnest($1::bigint[]) u)) order by no for share),
  j as materialized (select queue_id, key from trunkline.job where id = any($1::bigint[]) and key is not null),
  k as materialized (
    select x.id from trunkline.key x where x.queue_id = any(array(select queue_id from j)) and x.kind = 0 and x.key = any(array(select key from j))
    order by x.queue_id, x.kind, x.key for update)
select (select count(*) from r)::int ranges, (select count(*) from k)::int keys
