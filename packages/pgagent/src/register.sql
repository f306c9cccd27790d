-- Enters the session of an agent; the jobs that its former session held go over to it.
-- $1 pid of the session int  $2 host name text  $3 pid of the former session int or null
with entered as (
    insert into pgagent.pga_jobagent(jagpid, jagstation) values ($1::int, $2::text)
    on conflict (jagpid) do update set jagstation = excluded.jagstation, jaglogintime = now() returning jagpid)
update pgagent.pga_job set jobagentid = entered.jagpid from entered where jobagentid = $3::int
