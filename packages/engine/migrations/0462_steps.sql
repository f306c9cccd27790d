-- Steps of jobs: what a handler has finished, kept across attempts (docs/guides/steps.md).
-- breaking: no

-- One row for each finished step, in the order in which they finished. result null = it returned nothing.
create table trunkline.step (
  job_id bigint not null,
  name text not null,
  no smallint not null,
  attempt smallint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  result jsonb,
  primary key (job_id, name)
);
alter table trunkline.step set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
