-- What people have said of a cause of failures; the failures themselves are counted where they are.
-- breaking: no

create table trunkline.error_group (
  fingerprint text primary key check (fingerprint ~ '^[0-9a-f]{16}$'),
  state text not null check (state in ('ongoing', 'resolved', 'ignored')),
  since timestamptz not null default now(),
  ignored_until timestamptz,
  by_whom text,
  note text check (length(note) <= 2000)
);
