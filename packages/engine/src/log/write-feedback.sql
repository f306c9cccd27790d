-- Stores log lines and progress of running jobs, but only of those that their lease still holds. Answers the jobs that were refused.
-- $1 worker int  $2 lease int8[]  $3 job int8[] (pairs)
-- lines: $4 job int8[]  $5 attempt int2[]  $6 age in ms int8[]  $7 level int2[]  $8 stage text[]  $9 message text[]  $10 context jsonb[]
-- progress: $11 job int8[]  $12 attempt int2[]  $13 stage text[]  $14 current float8[]  $15 total float8[]  $16 unit text[]  $17 outcome jsonb[]
with l as materialized (
    select id, ids from trunkline.lease where id = any(array(select distinct unnest($2::bigint[]))) and worker_id = $1 for key share),
  asked as materialized (select * from unnest($2::bigint[], $3::bigint[]) x(lease, id)),
  ok as materialized (select a.id from asked a join l on l.id = a.lease where a.id = any(l.ids)),
  lines as (insert into trunkline.log(job_id, attempt, at, level, stage, message, context)
    select x.job, x.attempt, now() - x.age * interval '1ms', x.level, x.stage, x.message, x.context
    from unnest($4::bigint[], $5::int2[], $6::bigint[], $7::int2[], $8::text[], $9::text[], $10::jsonb[])
      with ordinality x(job, attempt, age, level, stage, message, context, o)
    where x.job = any(array(select id from ok)) order by x.o),
  progress as (insert into trunkline.progress(job_id, attempt, stage, current, total, unit, outcome, updated_at)
    select job, attempt, stage, current, total, unit, outcome, now()
    from unnest($11::bigint[], $12::int2[], $13::text[], $14::float8[], $15::float8[], $16::text[], $17::jsonb[])
      x(job, attempt, stage, current, total, unit, outcome)
    where job = any(array(select id from ok)) order by job
    on conflict (job_id) do update set attempt = excluded.attempt, stage = excluded.stage, current = excluded.current, total = excluded.total,
      unit = excluded.unit, outcome = excluded.outcome, updated_at = excluded.updated_at),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'feedback', jsonb_build_object('ids', jsonb_agg(id)) from ok having count(*) > 0)
select coalesce((select array_agg(id) from asked where not id = any(array(select id from ok))), '{}') refused
