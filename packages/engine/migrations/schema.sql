-- What the migrations make, for review. Written by: npm run schema:dump

table account
  id uuid not null default gen_random_uuid()
  email text not null
  name text
  password text
  role text not null
  scopes jsonb not null default '{}'::jsonb
  rights text[] not null default '{}'::text[]
  is_enabled boolean not null default true
  generation integer not null default 1
  issuer text
  issuer_subject text
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  last_login_at timestamp with time zone
  preferences jsonb not null default '{}'::jsonb
  constraint account_email_check CHECK (((email = lower(email)) AND ((length(email) >= 3) AND (length(email) <= 254))))
  constraint account_email_key UNIQUE (email)
  constraint account_issuer_issuer_subject_key UNIQUE (issuer, issuer_subject)
  constraint account_name_check CHECK ((length(name) <= 200))
  constraint account_pkey PRIMARY KEY (id)
  constraint account_rights_check CHECK ((rights <@ ARRAY['steps.sql'::text, 'steps.shell'::text, 'payload.read'::text]))
  constraint account_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'admin'::text, 'owner'::text])))

table api_key
  id uuid not null default gen_random_uuid()
  prefix text not null
  hash bytea not null
  name text not null
  account_id uuid not null
  role text not null
  scopes jsonb not null default '{}'::jsonb
  rights text[] not null default '{}'::text[]
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone
  last_used_at timestamp with time zone
  revoked_at timestamp with time zone
  constraint api_key_account_id_fkey FOREIGN KEY (account_id) REFERENCES trunkline.account(id) ON DELETE CASCADE
  constraint api_key_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
  constraint api_key_pkey PRIMARY KEY (id)
  constraint api_key_prefix_check CHECK ((prefix ~ '^[a-z0-9]{8}$'::text))
  constraint api_key_prefix_key UNIQUE (prefix)
  constraint api_key_rights_check CHECK ((rights <@ ARRAY['steps.sql'::text, 'steps.shell'::text, 'payload.read'::text]))
  constraint api_key_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'admin'::text, 'owner'::text])))
  CREATE INDEX api_key_account ON trunkline.api_key USING btree (account_id)

table attempt with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  id bigint not null
  attempt smallint not null
  kind smallint not null
  worker_id integer
  started_at timestamp with time zone
  finished_at timestamp with time zone not null
  error jsonb
  constraint attempt_pkey PRIMARY KEY (id, attempt)

table audit
  no bigint not null identity
  at timestamp with time zone not null default clock_timestamp()
  actor text not null
  how text not null
  action text not null
  target text
  outcome text not null
  code text
  address text
  request_id text
  before jsonb
  after jsonb
  constraint audit_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'refused'::text])))
  constraint audit_pkey PRIMARY KEY (no)
  CREATE INDEX audit_actor ON trunkline.audit USING btree (actor, no)
  CREATE INDEX audit_at ON trunkline.audit USING btree (at)
  CREATE INDEX audit_target ON trunkline.audit USING btree (target, no)

table audit_link
  link bigint not null
  audit_no bigint not null
  hash bytea not null
  constraint audit_link_audit_no_key UNIQUE (audit_no)
  constraint audit_link_pkey PRIMARY KEY (link)

table blocked with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000, fillfactor=70)
  id bigint not null
  queue_id integer not null
  priority smallint not null
  run_at timestamp with time zone
  parents_left integer not null
  constraint blocked_pkey PRIMARY KEY (id)

table bulk_result
  bulk_id bigint not null
  no integer not null
  job_id bigint not null
  ok boolean not null
  answer text
  code text
  reason text
  before jsonb
  constraint bulk_result_bulk_id_fkey FOREIGN KEY (bulk_id) REFERENCES trunkline.bulk_run(id) ON DELETE CASCADE
  constraint bulk_result_pkey PRIMARY KEY (bulk_id, no)
  CREATE INDEX bulk_result_before ON trunkline.bulk_result USING btree (bulk_id, job_id) WHERE (before IS NOT NULL)

table bulk_run
  id bigint not null identity
  job_id bigint
  verb text not null
  options jsonb not null default '{}'::jsonb
  within jsonb
  by_whom text
  ids bigint[] not null
  done integer not null default 0
  created_at timestamp with time zone not null default now()
  ended_at timestamp with time zone
  constraint bulk_run_job_id_key UNIQUE (job_id)
  constraint bulk_run_pkey PRIMARY KEY (id)
  CREATE INDEX bulk_run_created_at ON trunkline.bulk_run USING btree (created_at)

table cancel_wanted with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  id bigint not null
  worker_id integer not null
  at timestamp with time zone not null default now()
  by_whom text
  constraint cancel_wanted_pkey PRIMARY KEY (id)
  CREATE INDEX cancel_wanted_worker ON trunkline.cancel_wanted USING btree (worker_id)

table debounce with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=70)
  id bigint not null
  queue_id integer not null
  key text not null
  task_id integer not null
  priority smallint not null
  max_attempts smallint not null
  timeout_ms bigint
  created_by text
  tags text[]
  payload jsonb not null
  created_at timestamp with time zone not null default now()
  run_at timestamp with time zone not null
  last_at timestamp with time zone not null
  calls integer not null default 1
  gate_keys text[]
  constraint debounce_pkey PRIMARY KEY (id)
  constraint debounce_queue_id_key_key UNIQUE (queue_id, key)
  CREATE INDEX debounce_run_at ON trunkline.debounce USING btree (run_at)

table dependency
  child bigint not null
  parent bigint not null
  policy smallint not null
  open boolean not null default true
  constraint dependency_check CHECK ((parent <> child))
  constraint dependency_pkey PRIMARY KEY (child, parent)
  CREATE INDEX dependency_open ON trunkline.dependency USING btree (parent) WHERE open
  CREATE INDEX dependency_parent ON trunkline.dependency USING btree (parent)

table error_group
  fingerprint text not null
  state text not null
  since timestamp with time zone not null default now()
  ignored_until timestamp with time zone
  by_whom text
  note text
  constraint error_group_fingerprint_check CHECK ((fingerprint ~ '^[0-9a-f]{16}$'::text))
  constraint error_group_note_check CHECK ((length(note) <= 2000))
  constraint error_group_pkey PRIMARY KEY (fingerprint)
  constraint error_group_state_check CHECK ((state = ANY (ARRAY['ongoing'::text, 'resolved'::text, 'ignored'::text])))

table expired
  queue_id integer not null
  task_id integer not null
  status smallint not null
  n bigint not null
  constraint expired_pkey PRIMARY KEY (queue_id, task_id, status)

table feed
  no bigint not null
  xid xid8 not null
  at timestamp with time zone not null default clock_timestamp()
  kind text not null
  body jsonb not null
  CREATE INDEX feed_number ON trunkline.feed USING btree (no)

sequence feed_no

table flow
  id bigint not null identity
  name text
  created_at timestamp with time zone not null default now()
  created_by text
  constraint flow_pkey PRIMARY KEY (id)

table flow_job
  id bigint not null
  flow_id bigint not null
  node text
  constraint flow_job_pkey PRIMARY KEY (id)
  CREATE INDEX flow_job_flow ON trunkline.flow_job USING btree (flow_id, id)
  CREATE UNIQUE INDEX flow_job_node ON trunkline.flow_job USING btree (flow_id, node) WHERE (node IS NOT NULL)

table gate with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000, fillfactor=50)
  id bigint not null identity
  queue_id integer not null
  kind smallint not null
  key text not null
  made_at timestamp with time zone not null default now()
  head bigint not null default '4611686018427387904'::bigint
  tokens double precision
  filled_at timestamp with time zone
  due timestamp with time zone
  constraint gate_pkey PRIMARY KEY (id)
  constraint gate_queue_id_kind_key_key UNIQUE (queue_id, kind, key)
  CREATE INDEX gate_due ON trunkline.gate USING btree (queue_id, due) WHERE (due IS NOT NULL)

table held with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  queue_id integer not null
  gate_id bigint not null
  rank bigint not null
  id bigint not null
  priority smallint not null
  attempt smallint not null
  more boolean not null
  at timestamp with time zone not null default now()
  constraint held_id_key UNIQUE (id)
  constraint held_pkey PRIMARY KEY (queue_id, gate_id, rank)

table hidden with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  id bigint not null
  at timestamp with time zone not null default now()
  by_whom text
  constraint hidden_pkey PRIMARY KEY (id)

sequence id

table id_range
  no integer not null
  made_at timestamp with time zone not null default now()
  closing_at timestamp with time zone
  constraint id_range_pkey PRIMARY KEY (no)

table idempotent_request
  subject text not null
  key text not null
  hash bytea not null
  answer bytea
  at timestamp with time zone not null default now()
  constraint idempotent_request_pkey PRIMARY KEY (subject, key)
  CREATE INDEX idempotent_request_at ON trunkline.idempotent_request USING btree (at)

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
  key text
  tags text[]
  rerun_of bigint
  gate_keys text[]
  constraint job_pkey PRIMARY KEY (id)
  CREATE INDEX job_tags ON ONLY trunkline.job USING gin (tags) WHERE (tags IS NOT NULL)

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
  tags text[]
  key text
  rerun_of bigint
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
  schedule_id uuid
  template_id uuid
  flow_id bigint
  depends_on bigint[]
  ordering_key text
  concurrency_key text
  rate_key text

table key with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=70)
  queue_id integer not null
  kind smallint not null
  key text not null
  id bigint not null
  mode smallint not null
  at timestamp with time zone not null
  window_ms bigint not null default 0
  hash bytea
  constraint key_pkey PRIMARY KEY (queue_id, kind, key)
  CREATE INDEX key_at ON trunkline.key USING btree (at)

table knock with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  queue_id integer not null
  seq bigint not null identity
  gates bigint[] not null
  constraint knock_pkey PRIMARY KEY (queue_id, seq)

table late with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  seq bigint not null identity
  stamp xid8
  parent bigint not null
  child bigint not null
  constraint late_pkey PRIMARY KEY (seq)

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
  queue_id integer
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

table moved with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  id bigint not null
  queue_id integer not null
  priority smallint not null
  constraint moved_pkey PRIMARY KEY (id)

table notification
  id uuid not null default gen_random_uuid()
  account_id uuid not null
  job_id bigint
  kind text not null
  title text not null
  message text not null
  created_at timestamp with time zone not null default now()
  read_at timestamp with time zone
  constraint notification_account_id_fkey FOREIGN KEY (account_id) REFERENCES trunkline.account(id) ON DELETE CASCADE
  constraint notification_pkey PRIMARY KEY (id)
  CREATE INDEX notification_account ON trunkline.notification USING btree (account_id, created_at DESC)

table origin with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  job_id bigint not null
  schedule_id uuid
  template_id uuid
  template_version integer
  slot_at timestamp with time zone
  constraint origin_pkey PRIMARY KEY (job_id)

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

table permit with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  job_id bigint not null
  kind smallint not null
  queue_id integer not null
  gate_id bigint not null
  constraint permit_pkey PRIMARY KEY (job_id, kind)
  CREATE INDEX permit_gate ON trunkline.permit USING btree (gate_id)

table pgagent_server
  sid text not null
  name text not null
  sealed bytea not null
  host_agent text not null default ''::text
  timezone text not null default 'UTC'::text
  version integer not null default 1
  created_at timestamp with time zone not null default now()
  created_by text
  updated_at timestamp with time zone not null default now()
  constraint pgagent_server_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
  constraint pgagent_server_pkey PRIMARY KEY (sid)
  constraint pgagent_server_sid_check CHECK (((sid ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text) AND (sid <> 'default'::text)))

table progress with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=50)
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
  limited boolean not null default false
  constraint queue_name_check CHECK ((name ~ '^[A-Za-z0-9_.:/-]{1,128}$'::text))
  constraint queue_name_key UNIQUE (name)
  constraint queue_pkey PRIMARY KEY (id)

table queue_health
  queue_id integer not null
  thresholds jsonb not null
  level text not null default 'healthy'::text
  crossed jsonb not null default '[]'::jsonb
  since timestamp with time zone not null default now()
  better_since timestamp with time zone
  set_by text
  constraint queue_health_level_check CHECK ((level = ANY (ARRAY['healthy'::text, 'warning'::text, 'critical'::text])))
  constraint queue_health_pkey PRIMARY KEY (queue_id)
  constraint queue_health_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES trunkline.queue(id) ON DELETE CASCADE

table queue_limit with (fillfactor=50)
  queue_id integer not null
  concurrency integer
  rate integer
  rate_ms bigint
  burst integer
  key_concurrency integer
  key_rate integer
  key_rate_ms bigint
  key_burst integer
  tokens double precision
  filled_at timestamp with time zone
  constraint queue_limit_burst_check CHECK ((burst >= 1))
  constraint queue_limit_check CHECK ((((rate IS NULL) = (rate_ms IS NULL)) AND ((rate IS NULL) = (burst IS NULL))))
  constraint queue_limit_check1 CHECK ((((key_rate IS NULL) = (key_rate_ms IS NULL)) AND ((key_rate IS NULL) = (key_burst IS NULL))))
  constraint queue_limit_concurrency_check CHECK ((concurrency >= 1))
  constraint queue_limit_key_burst_check CHECK ((key_burst >= 1))
  constraint queue_limit_key_concurrency_check CHECK ((key_concurrency >= 1))
  constraint queue_limit_key_rate_check CHECK ((key_rate >= 1))
  constraint queue_limit_key_rate_ms_check CHECK ((key_rate_ms >= 1))
  constraint queue_limit_pkey PRIMARY KEY (queue_id)
  constraint queue_limit_rate_check CHECK ((rate >= 1))
  constraint queue_limit_rate_ms_check CHECK ((rate_ms >= 1))

table ready with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000, fillfactor=70)
  queue_id integer not null
  priority smallint not null
  seq bigint not null
  attempt smallint not null default 0
  n integer not null
  ids bigint[] not null
  constraint ready_pkey PRIMARY KEY (queue_id, priority, seq)

table retagged with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  id bigint not null
  tags text[] not null
  constraint retagged_pkey PRIMARY KEY (id)

table retention
  source text not null
  rules jsonb not null
  set_by text
  set_at timestamp with time zone not null default now()
  constraint retention_pkey PRIMARY KEY (source)
  constraint retention_source_check CHECK ((source = ANY (ARRAY['stored'::text, 'settings'::text])))

table revoked_token
  jti text not null
  expires_at timestamp with time zone not null
  constraint revoked_token_pkey PRIMARY KEY (jti)
  CREATE INDEX revoked_token_expires_at ON trunkline.revoked_token USING btree (expires_at)

table schedule with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=70)
  id uuid not null default gen_random_uuid()
  name text not null
  description text
  template_id uuid
  task_id integer
  payload jsonb not null default 'null'::jsonb
  options jsonb not null default '{}'::jsonb
  rhythm jsonb not null
  missed jsonb not null default '{"policy": "last"}'::jsonb
  overlap text not null default 'skip'::text
  jitter_ms bigint not null default 0
  failure_limit integer not null default 5
  is_enabled boolean not null default true
  paused_at timestamp with time zone
  paused_until timestamp with time zone
  paused_reason text
  paused_by text
  skip_slot timestamp with time zone
  failures integer not null default 0
  handled_to timestamp with time zone not null default now()
  next_slot timestamp with time zone
  due_at timestamp with time zone
  missed_slots bigint not null default 0
  version integer not null default 1
  created_at timestamp with time zone not null default now()
  created_by text
  updated_at timestamp with time zone not null default now()
  updated_by text
  constraint schedule_check CHECK (((template_id IS NULL) <> (task_id IS NULL)))
  constraint schedule_description_check CHECK ((length(description) <= 2000))
  constraint schedule_failure_limit_check CHECK (((failure_limit >= 0) AND (failure_limit <= 1000)))
  constraint schedule_jitter_ms_check CHECK ((jitter_ms >= 0))
  constraint schedule_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
  constraint schedule_name_key UNIQUE (name)
  constraint schedule_overlap_check CHECK ((overlap = ANY (ARRAY['allow'::text, 'skip'::text, 'queue'::text, 'cancel'::text])))
  constraint schedule_pkey PRIMARY KEY (id)
  constraint schedule_task_id_fkey FOREIGN KEY (task_id) REFERENCES trunkline.task(id)
  constraint schedule_template_id_fkey FOREIGN KEY (template_id) REFERENCES trunkline.template(id)
  CREATE INDEX schedule_due_at ON trunkline.schedule USING btree (due_at) WHERE (due_at IS NOT NULL)
  CREATE INDEX schedule_template ON trunkline.schedule USING btree (template_id) WHERE (template_id IS NOT NULL)

table scheduled with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000)
  id bigint not null
  run_at timestamp with time zone not null
  queue_id integer not null
  priority smallint not null
  attempt smallint not null
  why smallint not null default 0
  constraint scheduled_pkey PRIMARY KEY (id)
  CREATE INDEX scheduled_run_at ON trunkline.scheduled USING btree (run_at)

table searchable
  task_id integer not null
  path text not null
  value text not null
  job_id bigint not null
  constraint searchable_pkey PRIMARY KEY (task_id, path, value, job_id)
  CREATE INDEX searchable_job ON trunkline.searchable USING btree (job_id)

table session
  id uuid not null default gen_random_uuid()
  hash bytea not null
  account_id uuid not null
  generation integer not null
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone not null
  address text
  agent text
  constraint session_account_id_fkey FOREIGN KEY (account_id) REFERENCES trunkline.account(id) ON DELETE CASCADE
  constraint session_hash_key UNIQUE (hash)
  constraint session_pkey PRIMARY KEY (id)
  CREATE INDEX session_account ON trunkline.session USING btree (account_id)
  CREATE INDEX session_expires_at ON trunkline.session USING btree (expires_at)

table signing_key
  kid text not null
  public_key jsonb not null
  sealed bytea not null
  created_at timestamp with time zone not null default now()
  retires_at timestamp with time zone not null
  expires_at timestamp with time zone not null
  constraint signing_key_kid_check CHECK ((kid ~ '^[A-Za-z0-9_-]{8,64}$'::text))
  constraint signing_key_pkey PRIMARY KEY (kid)

table slot with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=70)
  schedule_id uuid not null
  slot_at timestamp with time zone not null
  manual boolean not null default false
  state text not null
  reason text
  job_id bigint
  fired_at timestamp with time zone not null default now()
  finished_at timestamp with time zone
  by_whom text
  constraint slot_pkey PRIMARY KEY (schedule_id, slot_at, manual)
  constraint slot_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES trunkline.schedule(id) ON DELETE CASCADE
  constraint slot_state_check CHECK ((state = ANY (ARRAY['fired'::text, 'waiting'::text, 'skipped'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
  CREATE INDEX slot_fired_at ON trunkline.slot USING btree (fired_at)
  CREATE INDEX slot_of_schedule ON trunkline.slot USING btree (schedule_id) WHERE (state = ANY (ARRAY['fired'::text, 'waiting'::text]))
  CREATE INDEX slot_open ON trunkline.slot USING btree (job_id) WHERE (state = 'fired'::text)

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

table step with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
  job_id bigint not null
  name text not null
  no smallint not null
  attempt smallint not null
  started_at timestamp with time zone
  finished_at timestamp with time zone
  result jsonb
  state text not null default 'completed'::text
  task text
  tries smallint not null default 1
  failed_tries smallint not null default 0
  error jsonb
  earlier jsonb
  constraint step_pkey PRIMARY KEY (job_id, name)
  constraint step_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text, 'skipped'::text])))

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
  searchable text[]
  constraint task_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 1000)))
  constraint task_name_check CHECK ((name ~ '^[A-Za-z0-9_.:/-]{1,128}$'::text))
  constraint task_name_key UNIQUE (name)
  constraint task_pkey PRIMARY KEY (id)
  constraint task_priority_check CHECK (((priority >= '-100'::integer) AND (priority <= 100)))
  constraint task_queue_check CHECK ((queue ~ '^[A-Za-z0-9_.:/-]{1,128}$'::text))
  constraint task_timeout_ms_check CHECK ((timeout_ms > 0))

table template with (fillfactor=70)
  id uuid not null default gen_random_uuid()
  name text not null
  description text
  task_id integer not null
  payload jsonb not null default 'null'::jsonb
  options jsonb not null default '{}'::jsonb
  input_schema jsonb
  version integer not null default 1
  uses bigint not null default 0
  last_used_at timestamp with time zone
  created_at timestamp with time zone not null default now()
  created_by text
  updated_at timestamp with time zone not null default now()
  updated_by text
  constraint template_description_check CHECK ((length(description) <= 2000))
  constraint template_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
  constraint template_name_key UNIQUE (name)
  constraint template_pkey PRIMARY KEY (id)
  constraint template_task_id_fkey FOREIGN KEY (task_id) REFERENCES trunkline.task(id)

table template_version
  template_id uuid not null
  version integer not null
  body jsonb not null
  at timestamp with time zone not null default now()
  by_whom text
  constraint template_version_pkey PRIMARY KEY (template_id, version)
  constraint template_version_template_id_fkey FOREIGN KEY (template_id) REFERENCES trunkline.template(id) ON DELETE CASCADE

table trace
  job_id bigint not null
  traceparent text not null
  tracestate text
  constraint trace_pkey PRIMARY KEY (job_id)
  constraint trace_traceparent_check CHECK ((traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text))
  constraint trace_tracestate_check CHECK ((length(tracestate) <= 512))

table watch
  job_id bigint not null
  account_id uuid not null
  constraint watch_account_id_fkey FOREIGN KEY (account_id) REFERENCES trunkline.account(id) ON DELETE CASCADE
  constraint watch_pkey PRIMARY KEY (job_id, account_id)

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

function audit_hash(previous bytea, line trunkline.audit) returns bytea set search_path=pg_catalog, pg_temp

function claim(queue integer, wanted integer, lanes smallint[], hints bigint[], chunks integer, worker integer, limited boolean DEFAULT false) returns TABLE(id bigint, task_id integer, timeout_ms bigint, payload text) set enable_sort=off, enable_bitmapscan=off, enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off

function claim_0110(queue integer, wanted integer, lanes smallint[], hints bigint[], chunks integer, worker integer) returns TABLE(id bigint, task_id integer, timeout_ms bigint, payload text) set enable_sort=off, enable_bitmapscan=off, enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off

function claim_limited(queue integer, wanted integer, free integer, lanes smallint[], hints bigint[], chunks integer, worker integer, backwards boolean) returns TABLE(id bigint, task_id integer, timeout_ms bigint, payload text) set enable_sort=off, enable_bitmapscan=off, enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off

function enqueue(task text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT NULL::text, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT NULL::integer, max_attempts integer DEFAULT NULL::integer, timeout_ms bigint DEFAULT NULL::bigint, unique_key text DEFAULT NULL::text, unique_mode text DEFAULT 'ignore'::text, unique_window interval DEFAULT NULL::interval, unique_max_wait interval DEFAULT NULL::interval, idempotency_key text DEFAULT NULL::text, idempotency_window interval DEFAULT '24:00:00'::interval, tags text[] DEFAULT NULL::text[], concurrency_key text DEFAULT NULL::text, ordering_key text DEFAULT NULL::text, rate_key text DEFAULT NULL::text) returns bigint security definer set search_path=pg_catalog, pg_temp

function enqueue_0001(task text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT NULL::text, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT NULL::integer, max_attempts integer DEFAULT NULL::integer, timeout_ms bigint DEFAULT NULL::bigint) returns bigint security definer set search_path=pg_catalog, pg_temp

function enqueue_0100(task text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT NULL::text, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT NULL::integer, max_attempts integer DEFAULT NULL::integer, timeout_ms bigint DEFAULT NULL::bigint, unique_key text DEFAULT NULL::text, unique_mode text DEFAULT 'ignore'::text, unique_window interval DEFAULT NULL::interval, unique_max_wait interval DEFAULT NULL::interval, idempotency_key text DEFAULT NULL::text, idempotency_window interval DEFAULT '24:00:00'::interval, tags text[] DEFAULT NULL::text[]) returns bigint security definer set search_path=pg_catalog, pg_temp

function enqueue_keyed(q integer, t integer, lane smallint, attempts smallint, at timestamp with time zone, delay_ms bigint, timeout bigint, who text, body jsonb, labels text[], origin bigint, k text, mode smallint, window_ms bigint, max_wait_ms bigint, ik text, ik_window_ms bigint, gates text[] DEFAULT NULL::text[], OUT job_id bigint, OUT made text) returns record

function enqueue_keyed_0100(q integer, t integer, lane smallint, attempts smallint, at timestamp with time zone, delay_ms bigint, timeout bigint, who text, body jsonb, labels text[], origin bigint, k text, mode smallint, window_ms bigint, max_wait_ms bigint, ik text, ik_window_ms bigint, OUT job_id bigint, OUT made text) returns record

function enter(queue integer, most integer) returns integer set enable_seqscan=off, enable_bitmapscan=off, enable_hashjoin=off, enable_mergejoin=off, enable_sort=off, jit=off

function lanes(queue integer) returns TABLE(lanes smallint[], limited boolean) set enable_sort=off, enable_bitmapscan=off, enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off

function lanes_0110(queue integer) returns TABLE(lanes smallint[]) set enable_sort=off, enable_bitmapscan=off, enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off

function refuse_change() returns trigger set search_path=pg_catalog, pg_temp

function settle(parents bigint[]) returns integer security definer set search_path=pg_catalog, pg_temp, enable_seqscan=off, enable_bitmapscan=off, enable_hashjoin=off, enable_mergejoin=off, enable_sort=off, jit=off, enable_nestloop=on

function settle_ended() returns trigger security definer set search_path=pg_catalog, pg_temp

function settle_late() returns integer security definer set search_path=pg_catalog, pg_temp

function sweep_gates(most integer) returns TABLE(freed integer, knocked integer, forgotten integer) set enable_seqscan=off, enable_bitmapscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off

function take_out(wanted bigint[], only_timed boolean DEFAULT false) returns TABLE(id bigint, place text, task_id integer, queue_id integer, lane smallint, own_lane smallint, attempt smallint, run_at timestamp with time zone, why smallint, worker_id integer) set enable_seqscan=off, enable_bitmapscan=off, enable_hashjoin=off, enable_mergejoin=off, enable_sort=off, jit=off

function tokens_now(tokens double precision, filled_at timestamp with time zone, burst integer, rate integer, rate_ms bigint) returns double precision

function why(job bigint) returns jsonb security definer set search_path=pg_catalog, pg_temp

function why_of_job(job bigint) returns jsonb security definer set search_path=pg_catalog, pg_temp, enable_seqscan=off, enable_bitmapscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off
