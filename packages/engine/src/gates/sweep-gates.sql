-- Looks after gates (see trunkline.sweep_gates): what jobs that have ended still had, gates at which somebody waits though there is room,
-- keys that nobody uses. The first two find nothing unless somebody has changed rows by hand.
-- $1 keys to forget at most int
select freed, knocked, forgotten from trunkline.sweep_gates($1::int)
