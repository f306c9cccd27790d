-- Supervisors that were heard of lately, oldest first.
-- $1 within interval
select id, host, pid, started_at, workers_wanted, workers_running, (extract(epoch from now() - beat) * 1000)::float8 beat_age_ms
from trunkline.supervisor where beat > now() - $1::interval order by id
