-- Makes jobs under unique or idempotency keys, in the order of their keys, so that two callers cannot wait for each other.
-- Answers ids and what was made (new, existing, replaced, debounced), in input order.
-- $1 to $12 as in enqueue.sql  $13 unique key text[]  $14 mode int2[]  $15 window in ms int8[]  $16 longest wait in ms int8[]
-- $17 idempotency key text[]  $18 its window in ms int8[]
with x as materialized (
    select * from unnest($1::int[], $2::int[], $3::int2[], $4::int2[], $5::timestamptz[], $6::int8[], $7::text[], $8::jsonb[], $9::int8[], $10::jsonb[], $11::int8[], $12::jsonb[],
        $13::text[], $14::int2[], $15::int8[], $16::int8[], $17::text[], $18::int8[])
      with ordinality u(q, t, p, attempts, at, timeout, who, payload, delay, tags, origin, gates, k, mode, win, wait, ik, ikwin, o)
    order by ik, q, k, o),
  made as materialized (
    select x.o, e.job_id, e.made from x, lateral trunkline.enqueue_keyed(q, t, p, attempts, at, delay, timeout, who, payload,
      case when tags is not null then array(select jsonb_array_elements_text(tags)) end, origin, k, mode, win, wait, ik, ikwin,
      case when gates is not null then array(select jsonb_array_elements_text(gates)) end) e)
select array_agg(job_id order by o) ids, array_agg(made order by o) made from made
