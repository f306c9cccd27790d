-- What a step has no columns for.
-- $1 step int  $2 timeout bigint or null
insert into trunkline_pgagent.step_setting(jstid, timeout_ms) values ($1::int, $2::bigint)
on conflict (jstid) do update set timeout_ms = excluded.timeout_ms
