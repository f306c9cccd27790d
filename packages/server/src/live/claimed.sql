-- Jobs that were claimed lately, by lease: a claim writes no row of the feed.
-- $1 above this lease int8
select id::text lease, ids::text[] ids from trunkline.lease where id > $1 order by id desc limit 200
