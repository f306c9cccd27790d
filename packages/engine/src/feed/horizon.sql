-- A transaction number above every one that was given out until now. pg_snapshot_xmax would not do: it is one above the highest
-- that has ended, and the owner of a missing number may run under a higher one (docs/decisions/0003).
select pg_current_xact_id()::text horizon
