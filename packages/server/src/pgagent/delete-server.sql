-- Forgets a server; its database is left as it is.
-- $1 sid text
delete from trunkline.pgagent_server where sid = $1 returning sid
