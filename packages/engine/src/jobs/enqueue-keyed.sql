-- Makes jobs under unique or idempotency keys, in the order of their keys, so that two callers cannot wait for each other.
-- Answers ids and what was made (new, existing, replaced, debounced), in input order.
-- $1 to $11 as in enqueue.sql  $12 unique key text[]  $13 mode int2[]  $14 window in ms int8[]  $15 longest wait in ms int8[]
-- $16 idempotency key text[]  $17 its window in ms int8[]
with x as materialized (
    select * from unnest($1::int[], $2::int[], $3::int2[], $4::int2[], $5::timestamptz[], $6::int8[], $7::text[], $8::jsonb[], $9::int8[], $10::jsonb[], $11::int8[],
        $12::text[], $13::int2[], $14::int8[], $15::int8[], $16::text[], $17::int8[])
      with ordinality u(q, t, p, attempts, at, timeout, who, payload, delay, tags, origin, k, mode, win, wait, ik, ikwin, o)
    order by ik, q, k, o),
  made as materialized (
    select x.o, e.job_id, e.made from x, lateral trunkline.enqueue_keyed(q, t, p, attempts, at, delay, timeout, who, payload,
      case when tags is not null then array(select jsonb_array_elements_text(tags)) end, origin, k, mode, win, wait, ik, ikwin) e)
select array_agg(job_id order by o) ids, array_agg(made order by o) made from made
