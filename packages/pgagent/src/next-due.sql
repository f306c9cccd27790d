-- Milliseconds until the next job of this host is due; null when none is planned.
-- $1 host name text
select greatest(0, extract(epoch from min(jobnextrun) - clock_timestamp()) * 1000)::float8 ms from pgagent.pga_job
where jobenabled and jobagentid is null and isfinite(jobnextrun) and jobhostagent in ('', $1::text)
