-- Changes a server; no row when it is gone, or has another version by now.
-- $1 sid text  $2 version int  $3 name text  $4 sealed connection bytea  $5 host agent text  $6 time zone text
update trunkline.pgagent_server set name = $3, sealed = $4, host_agent = $5, timezone = $6, version = version + 1, updated_at = now()
where sid = $1 and version = $2
returning sid, name, sealed, host_agent, timezone, version, created_at, created_by, updated_at
