-- Steps that are planned: each is seen while it waits, while it runs and where it failed, with its earlier tries (docs/guides/steps.md).
-- breaking: no

-- tries: how often it began. failed_tries: those of the job's present attempt that failed, which its retry counts. earlier: the tries before
-- the present one, at most the last 20, as [{attempt, state, startedAt, finishedAt, error}].
alter table trunkline.step
  alter column started_at drop not null,
  alter column finished_at drop not null,
  add column state text not null default 'completed' check (state in ('waiting', 'running', 'completed', 'failed', 'cancelled', 'skipped')),
  add column task text,
  add column tries smallint not null default 1,
  add column failed_tries smallint not null default 0,
  add column error jsonb,
  add column earlier jsonb;
