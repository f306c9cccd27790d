-- The engine, complete: pauses, keys, tags, linked re-runs, the change feed's readers, why, retention.
-- breaking: no

-- A paused queue gives out nothing; its jobs stay where they are. Without an end it waits for somebody.
alter table trunkline.queue
  add column paused_at timestamptz,
  add column paused_until timestamptz,
  add column paused_reason text,
  add column paused_by text;
