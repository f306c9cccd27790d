-- The time of the latest change up to a number.
-- $1 no int8
select (select f.at from trunkline.feed f where f.no <= $1 order by f.no desc limit 1) at, (select min(at) from trunkline.feed) oldest
