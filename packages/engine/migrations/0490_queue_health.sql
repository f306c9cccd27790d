-- Thresholds of queues, and how each queue stands by them.
-- breaking: no

-- A row for each queue that has thresholds: {"waiting": {"warning": 1000, "critical": 5000}, "oldestMs": …, "failurePercent": …, "workers": …}.
-- `crossed` are those it is beyond: [{"measure", "value", "limit", "level"}]. A queue is called better only after it has been so for a minute (`better_since`).
create table trunkline.queue_health (
  queue_id int primary key references trunkline.queue on delete cascade,
  thresholds jsonb not null,
  level text not null default 'healthy' check (level in ('healthy', 'warning', 'critical')),
  crossed jsonb not null default '[]',
  since timestamptz not null default now(),
  better_since timestamptz,
  set_by text
);
