-- What the migrations make, for review. Written by: npm run schema:dump

table attempt
  id bigint not null
  attempt smallint not null
  kind smallint not null
  worker_id integer
  started_at timestamp with time zone
  finished_at timestamp with time zone not null
  error jsonb
  constraint attempt_pkey PRIMARY KEY (id, attempt)

table cancel_wanted
  id bigint not null
  worker_id integer not null
  at timestamp with time zone not null default now()
  by_whom text
  constraint cancel_wanted_pkey PRIMARY KEY (id)
  CREATE INDEX cancel_wanted_worker ON trunkline.cancel_wanted USING btree (worker_id)

table feed
  no bigint not null
  xid xid8 not null
  at timestamp with time zone not null default clock_timestamp()
  kind text not null
  body jsonb not null
  CREATE INDEX feed_number ON trunkline.feed USING btree (no)

sequence feed_no

sequence id

unlogged table idle
  worker_id integer not null
  queue_id integer not null
  waiting boolean not null
  constraint idle_pkey PRIMARY KEY (worker_id, queue_id)

table job partitioned by RANGE (id)
  id bigint not null
  queue_id integer not null
  task_id integer not null
  priority smallint not null default 0
  max_attempts smallint not null default 5
  created_at timestamp with time zone not null default now()
  run_at timestamp with time zone
  timeout_ms bigint
  created_by text
  payload jsonb not null
  constraint job_pkey PRIMARY KEY (id)

view job_logs
  job_id bigint
  attempt integer
  at timestamp with time zone
  level text
  stage text
  message text
  context jsonb
  no bigint

view jobs
  id bigint
  task text
  queue text
  state text
  reason text
  priority integer
  attempt integer
  max_attempts integer
  progress_current double precision
  progress_total double precision
  progress_unit text
  progress_stage text
  progress_percent integer
  created_at timestamp with time zone
  created_by text
  run_at timestamp with time zone
  started_at timestamp with time zone
  finished_at timestamp with time zone
  wait_ms bigint
  duration_ms bigint
  worker_id integer
  lease_id bigint
  error jsonb
  outcome jsonb
  timeout_ms bigint
  payload jsonb
  result jsonb

table leader
  name text not null
  holder text not null
  fence bigint not null
  until timestamp with time zone not null
  constraint leader_pkey PRIMARY KEY (name)

table lease with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000)
  id bigint not null identity
  worker_id integer not null
  at timestamp with time zone not null default now()
  ids bigint[] not null
  attempts smallint[] not null
  constraint lease_pkey PRIMARY KEY (id)

table log partitioned by RANGE (job_id)
  job_id bigint not null
  no bigint not null default nextval('trunkline.log_no'::regclass)
  attempt smallint not null
  at timestamp with time zone not null
  level smallint not null
  stage text
  message text not null
  context jsonb
  constraint log_pkey PRIMARY KEY (job_id, no)

sequence log_no

table migration
  no integer not null
  name text not null
  breaking boolean not null
  applied_at timestamp with time zone not null default now()
  constraint migration_pkey PRIMARY KEY (no)

table moved
  id bigint not null
  queue_id integer not null
  priority smallint not null
  constraint moved_pkey PRIMARY KEY (id)

table outcome partitioned by RANGE (id)
  id bigint not null
  status smallint not null
  attempt smallint not null
  worker_id integer
  queue_id integer not null
  task_id integer not null
  started_at timestamp with time zone
  finished_at timestamp with time zone not null
  result jsonb
  error jsonb
  constraint outcome_pkey PRIMARY KEY (id)
  CREATE INDEX outcome_finished_at ON ONLY trunkline.outcome USING brin (finished_at) WITH (pages_per_range='32')
  CREATE INDEX outcome_not_completed ON ONLY trunkline.outcome USING btree (finished_at) WHERE (status <> 2)

table progress with (fillfactor=50)
  job_id bigint not null
  attempt smallint not null
  stage text
  current double precision not null default 0
  total double precision
  unit text
  outcome jsonb
  updated_at timestamp with time zone not null default now()
  constraint progress_pkey PRIMARY KEY (job_id)

table queue
  id integer not null identity
  name text not null
  created_at timestamp with time zone not null default now()
  paused_at timestamp with time zone
  paused_until timestamp with time zone
  paused_reason text
  paused_by text
  constraint queue_name_check CHECK ((name ~ '^[A-Za-z0-9_.:/-]{1,128}$'::text))
  constraint queue_name_key UNIQUE (name)
  constraint queue_pkey PRIMARY KEY (id)

table ready with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000, fillfactor=70)
  queue_id integer not null
  priority smallint not null
  seq bigint not null
  attempt smallint not null default 0
  n integer not null
  ids bigint[] not null
  constraint ready_pkey PRIMARY KEY (queue_id, priority, seq)

table scheduled with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  id bigint not null
  run_at timestamp with time zone not null
  queue_id integer not null
  priority smallint not null
  attempt smallint not null
  why smallint not null default 0
  constraint scheduled_pkey PRIMARY KEY (id)
  CREATE INDEX scheduled_run_at ON trunkline.scheduled USING btree (run_at)

table stat
  minute timestamp with time zone not null
  queue_id integer not null
  task_id integer not null
  status smallint not null
  n bigint not null
  sum_us bigint not null
  constraint stat_pkey PRIMARY KEY (minute, queue_id, task_id, status)

table stat_delta with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  minute timestamp with time zone not null
  queue_id integer not null
  task_id integer not null
  status smallint not null
  n integer not null
  sum_us bigint not null

table supervisor
  id integer not null identity
  host text not null
  pid integer not null
  started_at timestamp with time zone not null default now()
  beat timestamp with time zone not null default now()
  workers_wanted integer not null default 1
  workers_running integer not null default 0
  constraint supervisor_pkey PRIMARY KEY (id)
  constraint supervisor_workers_wanted_check CHECK (((workers_wanted >= 0) AND (workers_wanted <= 50)))

table task
  id integer not null identity
  name text not null
  queue text not null default 'default'::text
  priority smallint not null default 0
  max_attempts smallint not null default 5
  timeout_ms bigint
  description text
  input_schema jsonb
  updated_at timestamp with time zone not null default now()
  constraint task_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 1000)))
  constraint task_name_check CHECK ((name ~ '^[A-Za-z0-9_.:/-]{1,128}$'::text))
  constraint task_name_key UNIQUE (name)
  constraint task_pkey PRIMARY KEY (id)
  constraint task_priority_check CHECK (((priority >= '-100'::integer) AND (priority <= 100)))
  constraint task_queue_check CHECK ((queue ~ '^[A-Za-z0-9_.:/-]{1,128}$'::text))
  constraint task_timeout_ms_check CHECK ((timeout_ms > 0))

table worker
  id integer not null identity
  name text not null
  host text not null
  pid integer not null
  version text not null
  state text not null default 'running'::text
  started_at timestamp with time zone not null default now()
  beat timestamp with time zone not null default now()
  concurrency integer not null
  queues text[] not null
  tasks text[] not null
  running bigint[] not null default '{}'::bigint[]
  rss bigint
  cpu_percent real
  loop_lag_ms real
  singleton text
  stop_wanted boolean not null default false
  constraint worker_pkey PRIMARY KEY (id)
  constraint worker_state_check CHECK ((state = ANY (ARRAY['starting'::text, 'running'::text, 'stopping'::text])))
  CREATE UNIQUE INDEX worker_singleton ON trunkline.worker USING btree (singleton) WHERE (singleton IS NOT NULL)

table worker_past
  id integer not null
  name text not null
  host text not null
  pid integer not null
  version text not null
  started_at timestamp with time zone not null
  ended_at timestamp with time zone not null default now()
  how text not null
  concurrency integer not null
  queues text[] not null
  tasks text[] not null
  singleton text
  running bigint[] not null default '{}'::bigint[]
  constraint worker_past_how_check CHECK ((how = ANY (ARRAY['stopped'::text, 'lost'::text])))
  constraint worker_past_pkey PRIMARY KEY (id)

function assert_lease(job bigint, lease bigint) returns void security definer set search_path=pg_catalog, pg_temp

function enqueue(task text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT NULL::text, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT NULL::integer, max_attempts integer DEFAULT NULL::integer, timeout_ms bigint DEFAULT NULL::bigint) returns bigint security definer set search_path=pg_catalog, pg_temp
