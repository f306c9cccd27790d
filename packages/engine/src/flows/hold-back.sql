-- Has a blocked job wait for more: refused for one that is not blocked any more. Locks it, so that it cannot be freed meanwhile.
-- $1 child int8  $2 parents int8[]  $3 policy int2
with b as materialized (select id from trunkline.blocked where id = $1 for update),
  d as (insert into trunkline.dependency(child, parent, policy) select b.id, u, $3::int2 from b, unnest($2::int8[]) u),
  u as (update trunkline.blocked x set parents_left = x.parents_left + cardinality($2::int8[]) from b where x.id = b.id)
select count(*)::int n from b
