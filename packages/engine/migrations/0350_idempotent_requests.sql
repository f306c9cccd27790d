-- Requests that were made under an idempotency key, with their answers, for a day. Jobs have their keys in trunkline.key.
-- breaking: no

-- hash: SHA-256 of method, address and body. answer: status, place and body, sealed, because a new API key is shown in it.
create table trunkline.idempotent_request (
  subject text not null,
  key text not null,
  hash bytea not null,
  answer bytea,
  at timestamptz not null default now(),
  primary key (subject, key)
);
create index idempotent_request_at on trunkline.idempotent_request (at);
