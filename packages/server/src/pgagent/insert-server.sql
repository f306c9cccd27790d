-- Registers a server; no row when its sid is taken.
-- $1 sid text  $2 name text  $3 sealed connection bytea  $4 host agent text  $5 time zone text  $6 by whom text
insert into trunkline.pgagent_server(sid, name, sealed, host_agent, timezone, created_by) values ($1, $2, $3, $4, $5, $6)
on conflict (sid) do nothing
returning sid, name, sealed, host_agent, timezone, version, created_at, created_by, updated_at
