-- Who has the name of a singleton.
-- $1 name text
select id, name, host, pid, started_at, (extract(epoch from now() - beat) * 1000)::float8 beat_age_ms from trunkline.worker where singleton = $1
