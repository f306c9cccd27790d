-- PostgreSQL servers with a schema pgagent that are looked after from here, beside the one of the settings.
-- breaking: no

-- How to reach it is sealed with the server's secret, which is never in the database.
create table trunkline.pgagent_server (
  sid text primary key check (sid ~ '^[a-z0-9][a-z0-9_-]{0,62}$' and sid <> 'default'),
  name text not null check (length(name) between 1 and 200),
  sealed bytea not null,
  host_agent text not null default '',
  timezone text not null default 'UTC',
  version int not null default 1,
  created_at timestamptz not null default now(),
  created_by text,
  updated_at timestamptz not null default now()
);
