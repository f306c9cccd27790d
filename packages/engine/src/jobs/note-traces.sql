-- Keeps the trace that jobs were made in.
-- $1 job ids int8[]  $2 traceparent text[]  $3 tracestate text[]
insert into trunkline.trace(job_id, traceparent, tracestate) select * from unnest($1::bigint[], $2::text[], $3::text[]) on conflict do nothing
