-- Makes jobs under unique or idempotency keys, in the order of their keys, so that two callers cannot wait for each other.
-- Answers ids and what was made (new, existing, replaced, debounced), in input order.
-- $1 queue int[]  $2 task int[]  $3 negated priority int2[]  $4 max attempts int2[]  $5 run at timestamptz[]  $6 delay in ms int8[]
-- $7 timeout in ms int8[]  $8 who text[]  $9 payload jsonb[]  $10 tags jsonb[] of text arrays  $11 re-run of int8[]
-- $12 unique key text[]  $13 mode int2[]  $14 window in ms int8[]  $15 longest wait in ms int8[]  $16 idempotency key text[]  $17 its window in ms int8[]
with x as materialized (
    select * from unnest($1::int[], $2::int[], $3::int2[], $4::int2[], $5::timestamptz[], $6::int8[], $7::int8[], $8::text[], $9::jsonb[], $10::jsonb[], $11::int8[],
        $12::text[], $13::int2[], $14::int8[], $15::int8[], $16::text[], $17::int8[])
      with ordinality u(q, t, p, attempts, at, delay, timeout, who, payload, tags, origin, k, mode, win, wait, ik, ikwin, o)
    order by ik, q, k, o),
  made as materialized (
    select x.o, e.job_id, e.made from x, lateral trunkline.enqueue_keyed(q, t, p, attempts, at, delay, timeout, who, payload,
      case when tags is not null then array(select jsonb_array_elements_text(tags)) end, origin, k, mode, win, wait, ik, ikwin) e)
select array_agg(job_id order by o) ids, array_agg(made order by o) made from made
