-- Rows of the change feed after a number, and those that were still missing below it; with the number below which every
-- transaction has ended. One statement, so that rows and horizon are of one snapshot.
-- $1 after int8  $2 missing int8[]  $3 at most int
select f.no::text, f.at, f.kind, f.body, s.low::text, s.oldest::text
from (select pg_snapshot_xmin(pg_current_snapshot()) low, (select no from trunkline.feed order by no limit 1) oldest) s
  left join lateral (select no, at, kind, body from trunkline.feed where no > $1 or no = any($2::int8[]) order by no limit $3) f on true
order by f.no
