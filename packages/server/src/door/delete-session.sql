-- Ends a session.
-- $1 hash bytea
delete from trunkline.session where hash = $1
