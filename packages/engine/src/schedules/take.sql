-- Takes one schedule for the length of the transaction, as due.sql answers it.
-- $1 id uuid
select s.id, s.name, s.payload, s.options, s.rhythm, s.missed, s.overlap, s.jitter_ms::float8, s.is_enabled, s.paused_at, s.paused_until, s.skip_slot,
  s.handled_to, s.created_at, s.version, now() now
from trunkline.schedule s where s.id = $1 for update
