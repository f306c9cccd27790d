-- The inbox of each user: jobs they have started that ended, alerts.
-- breaking: no

-- What each user wants to hear of: {"jobs": "all" | "failed" | "none"}.
alter table trunkline.account add column preferences jsonb not null default '{}';

-- Jobs whose end somebody wants to hear of; the keeper turns them into notifications.
create table trunkline.watch (
  job_id bigint not null,
  account_id uuid not null references trunkline.account on delete cascade,
  primary key (job_id, account_id)
);

create table trunkline.notification (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references trunkline.account on delete cascade,
  job_id bigint,
  kind text not null,
  title text not null,
  message text not null,
  created_at timestamptz not null default now(),
  read_at timestamptz
);
create index notification_account on trunkline.notification (account_id, created_at desc);
