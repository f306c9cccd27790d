-- The limits of queues that have some, or jobs with gates to pass; with how many run, wait, and how many tokens there are.
-- $1 queue text, null = all
select q.name queue, l.concurrency, l.rate, l.rate_ms::float8, l.burst, l.key_concurrency, l.key_rate, l.key_rate_ms::float8, l.key_burst,
  case when l.concurrency is not null then (select coalesce(sum(cardinality(e.ids)), 0) from trunkline.lease e where e.queue_id = q.id)::int end running,
  case when l.rate is not null then trunkline.tokens_now(l.tokens, l.filled_at, l.burst, l.rate, l.rate_ms) end tokens,
  (select count(*) from trunkline.held h where h.queue_id = q.id)::int held
from trunkline.queue q left join trunkline.queue_limit l on l.queue_id = q.id
where case when $1::text is null then l.queue_id is not null else q.name = $1 end order by q.name
