-- Registered servers, by name; one of them where $1 is given.
-- $1 sid text or null
select sid, name, sealed, host_agent, timezone, version, created_at, created_by, updated_at from trunkline.pgagent_server
where $1::text is null or sid = $1::text order by lower(name), sid limit 1000
