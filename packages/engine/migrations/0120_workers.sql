-- Workers: singletons, stop on request, a past; supervisors that start and stop them; the fence for the SQL of handlers.
-- breaking: no

alter table trunkline.worker
  add column singleton text,
  add column stop_wanted boolean not null default false;
-- one live worker per name, whoever registers when
create unique index worker_singleton on trunkline.worker (singleton) where singleton is not null;

-- Workers that have ended. The deletion of the row in trunkline.worker is the fence that tells a zombie, so it moves here.
-- running: what a lost one had in its slots; a lease that an open transaction held back is judged by it later.
create table trunkline.worker_past (
  id int primary key,
  name text not null,
  host text not null,
  pid int not null,
  version text not null,
  started_at timestamptz not null,
  ended_at timestamptz not null default now(),
  how text not null check (how in ('stopped', 'lost')),
  concurrency int not null,
  queues text[] not null,
  tasks text[] not null,
  singleton text,
  running bigint[] not null default '{}'
);

-- Processes that keep workers running (trunkline up), and how many each is asked to run.
create table trunkline.supervisor (
  id int generated always as identity primary key,
  host text not null,
  pid int not null,
  started_at timestamptz not null default now(),
  beat timestamptz not null default now(),
  workers_wanted int not null default 1 check (workers_wanted between 0 and 50),
  workers_running int not null default 0
);

-- Raises unless the execution with this lease still holds the job, and keeps it so until the caller's transaction ends.
create function trunkline.assert_lease(job bigint, lease bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $f$
#variable_conflict use_variable
begin
  perform from trunkline.lease l where l.id = lease and job = any(l.ids) for key share;
  if not found then
    raise exception using errcode = 'TL409', message = format('this execution no longer holds job %s; what it wrote was refused', job),
      detail = 'lease_lost', column = 'lease', hint = 'Stop: another execution has the job, or it has ended.';
  end if;
end $f$;
revoke all on function trunkline.assert_lease from public;
do $$
begin
  if exists (select from pg_roles where rolname = 'trunkline_producer') then
    grant execute on function trunkline.assert_lease to trunkline_producer;
  end if;
end $$;
