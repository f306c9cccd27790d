-- Where in the ids a time lies, to a thousand: all below `below` were made before it, none from `from` on. By halving, because ids
-- are drawn in the order of time.
-- $1 lowest id int8  $2 highest id int8  $3 time timestamptz
with recursive b(low, high) as (
    select $1::int8, $2::int8 + 1
    union all
    select case when x.created_at < $3::timestamptz then least(x.id + 1, b.high) else b.low end, case when x.created_at < $3::timestamptz then b.high else h.mid end
    from b cross join lateral (select (b.low + b.high) / 2 mid) h
      left join lateral (select j.id, j.created_at from trunkline.job j where j.id >= h.mid order by j.id limit 1) x on true
    where b.high - b.low > 1000)
select max(low)::text below, min(high)::text "from" from b
