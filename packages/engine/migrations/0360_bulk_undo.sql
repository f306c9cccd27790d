-- Bulk actions can be undone for a while: what each of their jobs was before.
-- breaking: no

-- ended_at: when the last part so far was done; the window of an undo begins there.
alter table trunkline.bulk_run add column ended_at timestamptz;
create index bulk_run_created_at on trunkline.bulk_run (created_at);

-- before: of a job that can be put back, where it waited and what is undone of it; null = cannot be put back.
alter table trunkline.bulk_result add column before jsonb;
create index bulk_result_before on trunkline.bulk_result (bulk_id, job_id) where before is not null;
