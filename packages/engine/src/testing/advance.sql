-- Lets time pass for everything that waits for a time: what was set for a moment is moved nearer by so much. For tests.
-- $1 ms int8
with d as (select $1::int8 * interval '1ms' by),
  s as (update trunkline.scheduled set run_at = run_at - (select by from d)),
  b as (update trunkline.debounce set run_at = run_at - (select by from d), last_at = last_at - (select by from d)),
  k as (update trunkline.key set at = at - (select by from d)),
  o as (update trunkline.outcome set finished_at = finished_at - (select by from d), started_at = started_at - (select by from d)),
  g as (update trunkline.gate set due = due - (select by from d), filled_at = filled_at - (select by from d) where filled_at is not null or due is not null),
  l as (update trunkline.queue_limit set filled_at = filled_at - (select by from d) where filled_at is not null),
  q as (update trunkline.queue set paused_until = paused_until - (select by from d) where paused_until is not null)
select 1 done
