-- Sets the limits of a queue: each one that is named in $2 is changed, null takes it away. Whoever waits for one of them is looked at anew;
-- who runs goes on. Answers the number of the queue, or no row where there is none of this name.
-- $1 queue text  $2 limits jsonb {concurrency, rate, rate_ms, burst, key_concurrency, key_rate, key_rate_ms, key_burst}  $3 by whom text or null
with q as materialized (select id, name from trunkline.queue where name = $1),
  l as (insert into trunkline.queue_limit as x (queue_id, concurrency, rate, rate_ms, burst, key_concurrency, key_rate, key_rate_ms, key_burst)
    select q.id, n.concurrency, n.rate, n.rate_ms, n.burst, n.key_concurrency, n.key_rate, n.key_rate_ms, n.key_burst
    from q, jsonb_to_record($2::jsonb) n(concurrency int, rate int, rate_ms bigint, burst int, key_concurrency int, key_rate int, key_rate_ms bigint, key_burst int)
    on conflict (queue_id) do update set
      concurrency = case when $2::jsonb ? 'concurrency' then excluded.concurrency else x.concurrency end,
      rate = case when $2::jsonb ? 'rate' then excluded.rate else x.rate end,
      rate_ms = case when $2::jsonb ? 'rate' then excluded.rate_ms else x.rate_ms end,
      burst = case when $2::jsonb ? 'rate' then excluded.burst else x.burst end,
      key_concurrency = case when $2::jsonb ? 'key_concurrency' then excluded.key_concurrency else x.key_concurrency end,
      key_rate = case when $2::jsonb ? 'key_rate' then excluded.key_rate else x.key_rate end,
      key_rate_ms = case when $2::jsonb ? 'key_rate' then excluded.key_rate_ms else x.key_rate_ms end,
      key_burst = case when $2::jsonb ? 'key_rate' then excluded.key_burst else x.key_burst end
    returning x.queue_id, x.concurrency is not null or x.rate is not null limited),
  u as (update trunkline.queue t set limited = l.limited from l where t.id = any(array(select queue_id from l)) and t.id = l.queue_id and t.limited <> l.limited),
  k as (insert into trunkline.knock(queue_id, gates)
    select queue_id, array_agg(id) from (
      select t.queue_id, t.id, row_number() over (order by t.id) / 100 b from q, trunkline.gate t where t.queue_id = q.id and t.kind = 2 and $2::jsonb ? 'key_concurrency'
        and exists (select from trunkline.held h where h.queue_id = t.queue_id and h.gate_id = t.id)) z group by queue_id, b),
  d as (update trunkline.gate t set due = now() where $2::jsonb ? 'key_rate' and t.id = any(array(
    select g.id from q, trunkline.gate g where g.queue_id = q.id and g.kind = 3 and g.due is not null order by g.id for update of g))),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'limits', jsonb_build_object('queue', name, 'limits', $2::jsonb, 'by', $3::text) from q)
select id, (select pg_notify('trunkline', 'w')) woken from q
