-- The jobs of pg_cron that this role sees (its own, unless it is a superuser), and the zone that their times are meant in.
select j.jobid::int id, j.schedule, j.command, j.database, j.username, j.active, coalesce(nullif(to_jsonb(j) ->> 'jobname', ''), 'pg_cron ' || j.jobid) name,
  nullif(replace(coalesce(current_setting('cron.timezone', true), 'GMT'), 'GMT', 'UTC'), '') zone,
  j.nodename in ('', 'localhost', '127.0.0.1', '::1') or j.nodename like '/%' or j.nodename = host(inet_server_addr()) "isHere"
from cron.job j order by j.jobid
