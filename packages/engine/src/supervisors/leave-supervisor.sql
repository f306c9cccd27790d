-- A supervisor that has stopped takes its row away.
-- $1 supervisor int
delete from trunkline.supervisor where id = $1
