-- The traces that these jobs were made in, where there is one.
-- $1 job ids int8[]
select job_id::text id, traceparent, tracestate from trunkline.trace where job_id = any($1::bigint[])
