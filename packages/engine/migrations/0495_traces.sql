-- Where a job comes from in a distributed trace (W3C Trace Context), for those jobs that were made within one.
-- breaking: no

create table trunkline.trace (
  job_id bigint primary key,
  traceparent text not null check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
  tracestate text check (length(tracestate) <= 512)
);
