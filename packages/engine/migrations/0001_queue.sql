-- The queue: the place of a row is the state of its job (docs/sql.md).
-- breaking: no

create sequence trunkline.id;

create table trunkline.queue (
  id int generated always as identity primary key,
  name text not null unique check (name ~ '^[A-Za-z0-9_.:/-]{1,128}$'),
  created_at timestamptz not null default now()
);

-- What workers publish of their tasks, so that producers can enqueue by name.
create table trunkline.task (
  id int generated always as identity primary key,
  name text not null unique check (name ~ '^[A-Za-z0-9_.:/-]{1,128}$'),
  queue text not null default 'default' check (queue ~ '^[A-Za-z0-9_.:/-]{1,128}$'),
  priority smallint not null default 0 check (priority between -100 and 100),
  max_attempts smallint not null default 5 check (max_attempts between 1 and 1000),
  timeout_ms bigint check (timeout_ms > 0),
  description text,
  input_schema jsonb,
  updated_at timestamptz not null default now()
);

-- What was asked for. Written once, never changed: it is the history.
-- priority is stored negated, so that lanes ascend.
create table trunkline.job (
  id bigint not null,
  queue_id int not null,
  task_id int not null,
  priority smallint not null default 0,
  max_attempts smallint not null default 5,
  created_at timestamptz not null default now(),
  run_at timestamptz,
  timeout_ms bigint,
  created_by text,
  payload jsonb not null,
  primary key (id)
) partition by range (id);

-- Due work only, in chunks of up to 100 jobs; a chunk's seq is its lowest job id, or a fresh number of the same sequence.
create table trunkline.ready (
  queue_id int not null,
  priority smallint not null,
  seq bigint not null,
  attempt smallint not null default 0,
  n int not null,
  ids bigint[] not null,
  primary key (queue_id, priority, seq)
);

-- why: 0 asked for, 1 retry, 2 snoozed
create table trunkline.scheduled (
  id bigint primary key,
  run_at timestamptz not null,
  queue_id int not null,
  priority smallint not null,
  attempt smallint not null,
  why smallint not null default 0
);
create index scheduled_run_at on trunkline.scheduled (run_at);

create table trunkline.worker (
  id int generated always as identity primary key,
  name text not null,
  host text not null,
  pid int not null,
  version text not null,
  state text not null default 'running' check (state in ('starting', 'running', 'stopping')),
  started_at timestamptz not null default now(),
  beat timestamptz not null default now(),
  concurrency int not null,
  queues text[] not null,
  tasks text[] not null,
  running bigint[] not null default '{}',
  rss bigint,
  cpu_percent real,
  loop_lag_ms real
);

-- A claimed batch: only the ids that are still open. This row is the fence.
create table trunkline.lease (
  id bigint generated always as identity primary key,
  worker_id int not null,
  at timestamptz not null default now(),
  ids bigint[] not null,
  attempts smallint[] not null
);

-- status: 2 completed, 3 failed, 4 cancelled
create table trunkline.outcome (
  id bigint not null,
  status smallint not null,
  attempt smallint not null,
  worker_id int,
  queue_id int not null,
  task_id int not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  result jsonb,
  error jsonb,
  primary key (id)
) partition by range (id);
create index outcome_finished_at on trunkline.outcome using brin (finished_at) with (pages_per_range = 32);
create index outcome_not_completed on trunkline.outcome (finished_at) where status <> 2;

-- The tries before the outcome. kind: 1 failed, 2 crashed; 10 is added to them, and 14 cancelled is written, when a person retries the job.
create table trunkline.attempt (
  id bigint not null,
  attempt smallint not null,
  kind smallint not null,
  worker_id int,
  started_at timestamptz,
  finished_at timestamptz not null,
  error jsonb,
  primary key (id, attempt)
);

-- A waiting job that was moved to another queue or priority than its job row says.
create table trunkline.moved (
  id bigint primary key,
  queue_id int not null,
  priority smallint not null
);

create table trunkline.cancel_wanted (
  id bigint primary key,
  worker_id int not null,
  at timestamptz not null default now(),
  by_whom text
);
create index cancel_wanted_worker on trunkline.cancel_wanted (worker_id);

-- What a job says of itself: level 0 debug, 1 info, 2 warn, 3 error.
create sequence trunkline.log_no;
create table trunkline.log (
  job_id bigint not null,
  no bigint not null default nextval('trunkline.log_no'),
  attempt smallint not null,
  at timestamptz not null,
  level smallint not null,
  stage text,
  message text not null,
  context jsonb,
  primary key (job_id, no)
) partition by range (job_id);

create table trunkline.progress (
  job_id bigint primary key,
  attempt smallint not null,
  stage text,
  current double precision not null default 0,
  total double precision,
  unit text,
  outcome jsonb,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

-- Counters: one delta per flush and (minute, queue, task, status), rolled up by the keeper.
-- status: 0 added, 2 completed, 3 failed, 4 cancelled, 11 failed try, 12 snoozed, 13 handed back, 20 crashed, 21 reopened
create table trunkline.stat_delta (
  minute timestamptz not null,
  queue_id int not null,
  task_id int not null,
  status smallint not null,
  n int not null,
  sum_us bigint not null
);
create table trunkline.stat (
  minute timestamptz not null,
  queue_id int not null,
  task_id int not null,
  status smallint not null,
  n bigint not null,
  sum_us bigint not null,
  primary key (minute, queue_id, task_id, status)
);

-- Everything that happened, numbered. The xid is assigned before the number is drawn: readers rely on it.
create sequence trunkline.feed_no;
create table trunkline.feed (
  no bigint not null,
  xid xid8 not null,
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  body jsonb not null
);
create index feed_number on trunkline.feed (no);

-- Which workers sleep: producers notify only then. Unlogged: a worker writes its row again whenever it reconnects.
create unlogged table trunkline.idle (
  worker_id int not null,
  queue_id int not null,
  waiting boolean not null,
  primary key (worker_id, queue_id)
);

-- Leadership: a row with an expiry and a fence, so that it works behind any pooler.
create table trunkline.leader (
  name text primary key,
  holder text not null,
  fence bigint not null,
  until timestamptz not null
);

do $$
begin
  for i in 0..3 loop
    execute format('create table trunkline.job_%s partition of trunkline.job for values from (%s) to (%s)', i, i * 500000::bigint, (i + 1) * 500000::bigint);
    execute format('create table trunkline.outcome_%s partition of trunkline.outcome for values from (%s) to (%s)', i, i * 500000::bigint, (i + 1) * 500000::bigint);
    execute format('create table trunkline.log_%s partition of trunkline.log for values from (%s) to (%s)', i, i * 500000::bigint, (i + 1) * 500000::bigint);
  end loop;
end $$;

-- Small tables with a high turnover: vacuum by count, at full speed.
alter table trunkline.ready set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, fillfactor = 70);
alter table trunkline.lease set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
alter table trunkline.scheduled set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table trunkline.stat_delta set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create view trunkline.jobs as
select j.id, t.name as task, q.name as queue,
  case when o.id is not null then case o.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end
    when l.id is not null then 'running' else 'pending' end as state,
  case when o.id is not null then case o.status when 2 then null when 3 then coalesce(o.error ->> 'reason', 'attempts_used') else 'cancelled' end
    when l.id is not null then null
    when s.id is null then 'due' when s.why = 1 then 'retrying' else 'scheduled' end as reason,
  (-coalesce(m.priority, j.priority))::int as priority,
  case when o.id is not null then o.attempt + case when o.started_at is null then 0 else 1 end
    when l.id is not null then l.attempt + 1
    else coalesce((select max(a.attempt) + 1 from trunkline.attempt a where a.id = j.id), 0) end as attempt,
  j.max_attempts::int as max_attempts,
  p.current as progress_current, p.total as progress_total, p.unit as progress_unit, p.stage as progress_stage,
  case when p.total > 0 then least(100, greatest(0, floor(100 * p.current / p.total)))::int end as progress_percent,
  j.created_at, j.created_by,
  coalesce(s.run_at, j.run_at, j.created_at) as run_at,
  coalesce(o.started_at, l.at) as started_at,
  o.finished_at,
  (extract(epoch from coalesce(o.started_at, l.at) - coalesce(j.run_at, j.created_at)) * 1000)::bigint as wait_ms,
  (extract(epoch from coalesce(o.finished_at, case when l.id is not null then now() end) - coalesce(o.started_at, l.at)) * 1000)::bigint as duration_ms,
  coalesce(o.worker_id, l.worker_id) as worker_id,
  l.id as lease_id,
  coalesce(o.error, case when o.id is null then (select a.error from trunkline.attempt a where a.id = j.id order by a.attempt desc limit 1) end) as error,
  p.outcome as outcome,
  j.timeout_ms, j.payload, o.result
from trunkline.job j
join trunkline.task t on t.id = j.task_id
left join trunkline.moved m on m.id = j.id
join trunkline.queue q on q.id = coalesce(m.queue_id, j.queue_id)
left join trunkline.outcome o on o.id = j.id
left join lateral (
  select e.id, e.worker_id, e.at, e.attempts[array_position(e.ids, j.id)] as attempt from trunkline.lease e where o.id is null and e.ids @> array[j.id] limit 1
) l on true
left join trunkline.scheduled s on s.id = j.id and o.id is null
left join trunkline.progress p on p.job_id = j.id;

create view trunkline.job_logs as
select job_id, attempt::int + 1 as attempt, at,
  (array['debug', 'info', 'warn', 'error'])[level + 1] as level, stage, message, context, no
from trunkline.log;

-- Enqueue from any language, in any transaction (CONTRACT section 5).
create function trunkline.enqueue(
  task text, payload jsonb default '{}'::jsonb, queue text default null, run_at timestamptz default null,
  priority int default null, max_attempts int default null, timeout_ms bigint default null
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $f$
#variable_conflict use_variable
declare
  t trunkline.task;
  queue_name text;
  q_id int;
  new_id bigint;
  lane smallint;
begin
  if task is null or task !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
    raise exception using errcode = 'TL400', message = format('task is %L; a name has 1 to 128 characters of A-Z a-z 0-9 _ . : / -', left(task, 120)), detail = 'invalid_name', column = 'task';
  end if;
  select x.* into t from trunkline.task x where x.name = task;
  if not found then
    raise exception using errcode = 'TL404', message = format('unknown task %L', task), detail = 'unknown_task', column = 'task', hint = 'Start a worker that serves it, or correct the name.';
  end if;
  queue_name := coalesce(queue, t.queue);
  if queue_name !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
    raise exception using errcode = 'TL400', message = format('queue is %L; a name has 1 to 128 characters of A-Z a-z 0-9 _ . : / -', left(queue_name, 120)), detail = 'invalid_name', column = 'queue';
  end if;
  if priority is not null and priority not between -100 and 100 then
    raise exception using errcode = 'TL400', message = format('priority is %s; allowed: a whole number from -100 to 100, higher runs first', priority), detail = 'invalid_priority', column = 'priority';
  end if;
  if max_attempts is not null and max_attempts not between 1 and 1000 then
    raise exception using errcode = 'TL400', message = format('max_attempts is %s; allowed: a whole number from 1 to 1000', max_attempts), detail = 'invalid_option', column = 'max_attempts';
  end if;
  if timeout_ms is not null and timeout_ms not between 1 and 315360000000 then
    raise exception using errcode = 'TL400', message = format('timeout_ms is %s; allowed: 1 to 315360000000', timeout_ms), detail = 'invalid_duration', column = 'timeout_ms';
  end if;
  if run_at is not null and not (run_at >= '1970-01-01Z' and run_at < '10000-01-01Z') then
    raise exception using errcode = 'TL400', message = format('run_at is %s; allowed: a time between the years 1970 and 9999', run_at), detail = 'invalid_run_at', column = 'run_at';
  end if;
  if payload is null then
    raise exception using errcode = 'TL400', message = 'payload is null; allowed: any jsonb value', detail = 'payload_not_json', column = 'payload', hint = 'Use ''null''::jsonb or leave it out.';
  end if;
  if octet_length(payload::text) > 1048576 then
    raise exception using errcode = 'TL413', message = format('payload has %s bytes; at most 1048576 are stored', octet_length(payload::text)), detail = 'payload_too_large', column = 'payload';
  end if;
  if jsonb_path_exists(payload, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
    raise exception using errcode = 'TL400', message = 'payload is nested deeper than 64 levels', detail = 'payload_too_deep', column = 'payload';
  end if;
  if jsonb_path_exists(payload, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))') then
    raise exception using errcode = 'TL400', message = 'payload has a number beyond ±9007199254740991, which loses digits in JSON', detail = 'payload_number_unsafe', column = 'payload', hint = 'Send it as a string.';
  end if;

  select x.id into q_id from trunkline.queue x where x.name = queue_name;
  if not found then
    insert into trunkline.queue(name) values (queue_name) on conflict (name) do update set name = excluded.name returning id into q_id;
  end if;
  lane := -coalesce(priority, t.priority);
  new_id := nextval('trunkline.id');
  insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload)
    values (new_id, q_id, t.id, lane, coalesce(max_attempts, t.max_attempts), run_at, coalesce(timeout_ms, t.timeout_ms), 'sql:' || session_user, payload);
  if run_at > now() then
    insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) values (new_id, run_at, q_id, lane, 0);
  else
    insert into trunkline.ready(queue_id, priority, seq, n, ids) values (q_id, lane, new_id, 1, array[new_id]);
    if (select bool_or(i.waiting) from trunkline.idle i where i.queue_id = q_id) then perform pg_notify('trunkline', 'w'); end if;
  end if;
  insert into trunkline.stat_delta values (date_trunc('minute', now()), q_id, t.id, 0, 1, 0);
  insert into trunkline.feed(xid, no, kind, body) select pg_current_xact_id(), nextval('trunkline.feed_no'), 'added', jsonb_build_array(q_id, t.id, new_id, 1);
  return new_id;
end $f$;
revoke all on function trunkline.enqueue from public;

-- The narrow role for producers: it may call enqueue, and nothing else. Without the right to create roles an administrator adds it later.
do $$
begin
  if not exists (select from pg_roles where rolname = 'trunkline_producer') then
    begin
      create role trunkline_producer nologin;
    exception when insufficient_privilege or duplicate_object or unique_violation then null;
    end;
  end if;
  if exists (select from pg_roles where rolname = 'trunkline_producer') then
    grant usage on schema trunkline to trunkline_producer;
    grant execute on function trunkline.enqueue to trunkline_producer;
  end if;
end $$;
