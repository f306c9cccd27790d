-- Stores log lines and progress of one job for a writer that is not its handler.
-- $1 job int8  lines: $2 age in ms int8[]  $3 level int2[]  $4 stage text[]  $5 message text[]  $6 context jsonb[]
-- progress (null when there is none): $7 stage text  $8 current float8  $9 total float8  $10 unit text  $11 outcome jsonb  $12 with progress boolean
with j as materialized (select id, greatest(attempt - 1, 0)::int2 attempt from trunkline.jobs where id = $1),
  lines as (insert into trunkline.log(job_id, attempt, at, level, stage, message, context)
    select j.id, j.attempt, now() - x.age * interval '1ms', x.level, x.stage, x.message, x.context
    from j, unnest($2::bigint[], $3::int2[], $4::text[], $5::text[], $6::jsonb[]) with ordinality x(age, level, stage, message, context, o) order by x.o),
  progress as (insert into trunkline.progress(job_id, attempt, stage, current, total, unit, outcome, updated_at)
    select j.id, j.attempt, $7, coalesce($8, 0), $9, $10, $11, now() from j where $12::boolean
    on conflict (job_id) do update set attempt = excluded.attempt, stage = excluded.stage, current = excluded.current, total = excluded.total,
      unit = excluded.unit, outcome = excluded.outcome, updated_at = excluded.updated_at)
select count(*)::int n from j
