-- Who may come in: people, their sessions, keys of programs, and the keys with which tokens are signed.
-- Nothing in these tables lets anybody in: passwords and tokens are hashed, private keys are sealed with a secret that is not in the database.
-- breaking: no

-- password: an argon2id hash; null = comes in by an identity provider only.
-- scopes: {queues, tasks, servers}, each a list of names (a * at the end = all that begin so) or null = everywhere.
-- generation: tokens of an older one are refused (password changed, role changed, logged out everywhere).
create table trunkline.account (
  id uuid primary key default gen_random_uuid(),
  email text not null unique check (email = lower(email) and length(email) between 3 and 254),
  name text check (length(name) <= 200),
  password text,
  role text not null check (role in ('viewer', 'operator', 'admin', 'owner')),
  scopes jsonb not null default '{}',
  rights text[] not null default '{}' check (rights <@ array['steps.sql', 'steps.shell', 'payload.read']),
  is_enabled boolean not null default true,
  generation int not null default 1,
  issuer text,
  issuer_subject text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_login_at timestamptz,
  unique (issuer, issuer_subject)
);

-- hash: SHA-256 of the 256 random bits in the cookie.
create table trunkline.session (
  id uuid primary key default gen_random_uuid(),
  hash bytea not null unique,
  account_id uuid not null references trunkline.account on delete cascade,
  generation int not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  address text,
  agent text
);
create index session_account on trunkline.session (account_id);
create index session_expires_at on trunkline.session (expires_at);

-- A key has no more than its owner has at the moment of each call. hash: SHA-256 of the whole key.
create table trunkline.api_key (
  id uuid primary key default gen_random_uuid(),
  prefix text not null unique check (prefix ~ '^[a-z0-9]{8}$'),
  hash bytea not null,
  name text not null check (length(name) between 1 and 200),
  account_id uuid not null references trunkline.account on delete cascade,
  role text not null check (role in ('viewer', 'operator', 'admin', 'owner')),
  scopes jsonb not null default '{}',
  rights text[] not null default '{}' check (rights <@ array['steps.sql', 'steps.shell', 'payload.read']),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index api_key_account on trunkline.api_key (account_id);

-- public_key: a JWK. sealed: the private JWK, encrypted. A key signs until retires_at, and is accepted until expires_at.
create table trunkline.signing_key (
  kid text primary key check (kid ~ '^[A-Za-z0-9_-]{8,64}$'),
  public_key jsonb not null,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  retires_at timestamptz not null,
  expires_at timestamptz not null
);

-- Tokens that were given back before their end.
create table trunkline.revoked_token (
  jti text primary key,
  expires_at timestamptz not null
);
create index revoked_token_expires_at on trunkline.revoked_token (expires_at);
