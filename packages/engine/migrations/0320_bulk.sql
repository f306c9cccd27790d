-- Bulk actions that run as jobs: the frozen selection, and what became of each of its jobs.
-- breaking: no

-- job_id: the job that works through it. done: how many of ids, from the front, are worked through.
-- within: whose jobs its maker may touch (see jobs/within.ts); null = everybody's.
create table trunkline.bulk_run (
  id bigint generated always as identity primary key,
  job_id bigint unique,
  verb text not null,
  options jsonb not null default '{}',
  within jsonb,
  by_whom text,
  ids bigint[] not null,
  done int not null default 0,
  created_at timestamptz not null default now()
);

create table trunkline.bulk_result (
  bulk_id bigint not null references trunkline.bulk_run on delete cascade,
  no int not null,
  job_id bigint not null,
  ok boolean not null,
  answer text,
  code text,
  reason text,
  primary key (bulk_id, no)
);
