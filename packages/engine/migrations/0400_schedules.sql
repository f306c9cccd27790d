-- Schedules, their slots, templates with their versions, and where a job came from.
-- breaking: no

-- payload and options are those of the newest version; template_version has all of them.
create table trunkline.template (
  id uuid primary key default gen_random_uuid(),
  name text not null unique check (length(name) between 1 and 200),
  description text check (length(description) <= 2000),
  task_id int not null references trunkline.task,
  payload jsonb not null default 'null',
  options jsonb not null default '{}',
  input_schema jsonb,
  version int not null default 1,
  uses bigint not null default 0,
  last_used_at timestamptz,
  created_at timestamptz not null default now(),
  created_by text,
  updated_at timestamptz not null default now(),
  updated_by text
) with (fillfactor = 70);

create table trunkline.template_version (
  template_id uuid not null references trunkline.template on delete cascade,
  version int not null,
  body jsonb not null,
  at timestamptz not null default now(),
  by_whom text,
  primary key (template_id, version)
);

-- rhythm: what packages/contract reads (cron, interval, calendar or one time; zone, bounds, clocks, exceptions).
-- handled_to: every slot up to here was dealt with. next_slot: the first one after it; null = none any more.
-- due_at: when a scheduler has to look at it; null = never (switched off, paused without an end, over).
create table trunkline.schedule (
  id uuid primary key default gen_random_uuid(),
  name text not null unique check (length(name) between 1 and 200),
  description text check (length(description) <= 2000),
  template_id uuid references trunkline.template,
  task_id int references trunkline.task,
  payload jsonb not null default 'null',
  options jsonb not null default '{}',
  rhythm jsonb not null,
  missed jsonb not null default '{"policy": "last"}',
  overlap text not null default 'skip' check (overlap in ('allow', 'skip', 'queue', 'cancel')),
  jitter_ms bigint not null default 0 check (jitter_ms >= 0),
  failure_limit int not null default 5 check (failure_limit between 0 and 1000),
  is_enabled boolean not null default true,
  paused_at timestamptz,
  paused_until timestamptz,
  paused_reason text,
  paused_by text,
  skip_slot timestamptz,
  failures int not null default 0,
  handled_to timestamptz not null default now(),
  next_slot timestamptz,
  due_at timestamptz,
  missed_slots bigint not null default 0,
  version int not null default 1,
  created_at timestamptz not null default now(),
  created_by text,
  updated_at timestamptz not null default now(),
  updated_by text,
  check ((template_id is null) <> (task_id is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index schedule_due_at on trunkline.schedule(due_at) where due_at is not null;
create index schedule_template on trunkline.schedule(template_id) where template_id is not null;

-- What became of a slot. manual: somebody asked for a run, outside the rhythm; its slot is that moment.
create table trunkline.slot (
  schedule_id uuid not null references trunkline.schedule on delete cascade,
  slot_at timestamptz not null,
  manual boolean not null default false,
  state text not null check (state in ('fired', 'waiting', 'skipped', 'completed', 'failed', 'cancelled')),
  reason text,
  job_id bigint,
  fired_at timestamptz not null default now(),
  finished_at timestamptz,
  by_whom text,
  primary key (schedule_id, slot_at, manual)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- runs that have not ended, and slots that wait for one to end
create index slot_open on trunkline.slot(job_id) where state = 'fired';
create index slot_of_schedule on trunkline.slot(schedule_id) where state in ('fired', 'waiting');
create index slot_fired_at on trunkline.slot(fired_at);

-- Where a job came from; a job without a schedule and a template has no row.
create table trunkline.origin (
  job_id bigint primary key,
  schedule_id uuid,
  template_id uuid,
  template_version int,
  slot_at timestamptz
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Why a job is not running, or how it ended, and which slot of which schedule it is for.
alter function trunkline.why(bigint) rename to why_of_job;
create function trunkline.why(job bigint) returns jsonb language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $f$
declare
  answer jsonb := trunkline.why_of_job(job);
  o record;
begin
  select x.schedule_id, x.slot_at, s.name, (s.rhythm ->> 'timezone') zone into o
    from trunkline.origin x join trunkline.schedule s on s.id = x.schedule_id where x.job_id = job;
  if not found then
    return answer;
  end if;
  return answer || jsonb_build_object('scheduleId', o.schedule_id, 'slot', o.slot_at,
    'sentence', (answer ->> 'sentence') || format(' Schedule %s made it for its slot of %s.', to_json(o.name), to_char(o.slot_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')));
end $f$;
revoke all on function trunkline.why, trunkline.why_of_job from public;
