-- Takes schedules that are due, for the length of the transaction; those that another scheduler has taken are left to it.
-- $1 now timestamptz (null: the clock of the database)  $2 limit int
select s.id, s.name, s.payload, s.options, s.rhythm, s.missed, s.overlap, s.jitter_ms::float8, s.is_enabled, s.paused_at, s.paused_until, s.skip_slot,
  s.handled_to, s.created_at, s.version, coalesce($1::timestamptz, now()) now
from trunkline.schedule s where s.due_at <= coalesce($1::timestamptz, now()) order by s.due_at limit $2 for update skip locked
