-- Who changed what, when, from where; written in the transaction of the change. Rows are added, and nothing else ever happens to them.
-- breaking: no

-- outcome: done or refused (code says why). before, after: what is worth comparing, without secrets.
create table trunkline.audit (
  no bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  how text not null,
  action text not null,
  target text,
  outcome text not null check (outcome in ('done', 'refused')),
  code text,
  address text,
  request_id text,
  before jsonb,
  after jsonb
);
create index audit_at on trunkline.audit (at);
create index audit_target on trunkline.audit (target, no);
create index audit_actor on trunkline.audit (actor, no);

-- The chain over committed rows, in the order in which the keeper found them: hash = SHA-256 of the hash before it and the row.
create table trunkline.audit_link (
  link bigint primary key,
  audit_no bigint not null unique,
  hash bytea not null
);

create function trunkline.audit_hash(previous bytea, line trunkline.audit) returns bytea
language sql stable set search_path = pg_catalog, pg_temp as $f$
  select sha256(previous || convert_to(jsonb_build_array(line.no, extract(epoch from line.at), line.actor, line.how, line.action, line.target,
    line.outcome, line.code, line.address, line.request_id, line.before, line.after)::text, 'UTF8'))
$f$;

create function trunkline.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $f$
begin
  raise exception using errcode = '42501', message = format('%s.%s is append-only: %s is refused', tg_table_schema, tg_table_name, tg_op);
end $f$;
create trigger append_only before update or delete or truncate on trunkline.audit for each statement execute function trunkline.refuse_change();
create trigger append_only before update or delete or truncate on trunkline.audit_link for each statement execute function trunkline.refuse_change();
revoke update, delete, truncate on trunkline.audit, trunkline.audit_link from current_user;
