-- The third witness: every change of place, written by triggers in the statement that makes it, in an order of its own and with the
-- clock of the database. Only in databases of chaos runs.
create schema chaos;
create table chaos.event (
  no bigserial primary key,
  at timestamptz not null default clock_timestamp(),
  -- start of the transaction: what now() says in it
  begun timestamptz not null default now(),
  tx xid8 not null default pg_current_xact_id(),
  kind text not null,
  lease bigint,
  worker int,
  ids bigint[] not null default '{}',
  attempts int[] not null default '{}',
  codes int[] not null default '{}',
  beat timestamptz,
  words text[] not null default '{}');

-- what handlers do in the transaction that completes their job
create table chaos.effect (job bigint not null, lease bigint not null);

create function chaos.added() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, ids) select 'added', array_agg(id) from fresh having count(*) > 0;
  return null;
end $$;
create trigger chaos_added after insert on trunkline.job referencing new table as fresh for each statement execute function chaos.added();

create function chaos.claimed() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, lease, worker, ids, attempts) select 'claimed', id, worker_id, ids, attempts from fresh order by id;
  return null;
end $$;
create trigger chaos_claimed after insert on trunkline.lease referencing new table as fresh for each statement execute function chaos.claimed();

create function chaos.shrunk() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, lease, worker, ids)
    select 'released', o.id, o.worker_id, array(select unnest(o.ids) except select unnest(n.ids)) from old_rows o join fresh n using (id) where n.ids <> o.ids order by o.id;
  return null;
end $$;
create trigger chaos_shrunk after update on trunkline.lease referencing old table as old_rows new table as fresh
  for each statement execute function chaos.shrunk();

create function chaos.closed() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, lease, worker, ids) select 'released', id, worker_id, ids from old_rows order by id;
  return null;
end $$;
create trigger chaos_closed after delete on trunkline.lease referencing old table as old_rows for each statement execute function chaos.closed();

create function chaos.ended() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, ids, attempts, codes, words)
    select 'ended', array_agg(id order by id), array_agg(attempt order by id), array_agg(status order by id), array_agg(coalesce(worker_id::text, '') order by id)
    from fresh having count(*) > 0;
  return null;
end $$;
create trigger chaos_ended after insert on trunkline.outcome referencing new table as fresh for each statement execute function chaos.ended();

create function chaos.reopened() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, ids) select 'reopened', array_agg(id order by id) from old_rows having count(*) > 0;
  return null;
end $$;
create trigger chaos_reopened after delete on trunkline.outcome referencing old table as old_rows for each statement execute function chaos.reopened();

create function chaos.tried() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, ids, attempts, codes, words)
    select 'tried', array_agg(id order by id), array_agg(attempt order by id), array_agg(kind order by id), array_agg(coalesce(error ->> 'code', '') order by id)
    from fresh having count(*) > 0;
  return null;
end $$;
create trigger chaos_tried after insert on trunkline.attempt referencing new table as fresh for each statement execute function chaos.tried();

create function chaos.alive() returns trigger language plpgsql as $$ begin
  -- a beat of "-infinity" is no sign of life: the process says that it is about to end
  insert into chaos.event(kind, worker, beat)
    select case when beat = '-infinity' then 'leaving' else 'alive' end, id, nullif(beat, '-infinity') from fresh;
  return null;
end $$;
create trigger chaos_alive after update on trunkline.worker referencing new table as fresh for each statement execute function chaos.alive();
create trigger chaos_born after insert on trunkline.worker referencing new table as fresh for each statement execute function chaos.alive();

create function chaos.gone() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, worker, words) select 'gone', id, array[how] from fresh;
  return null;
end $$;
create trigger chaos_gone after insert on trunkline.worker_past referencing new table as fresh for each statement execute function chaos.gone();

-- lines of handlers that name the lease under which they were written
create function chaos.said() returns trigger language plpgsql as $$ begin
  insert into chaos.event(kind, ids, words) select 'said', array_agg(job_id order by no), array_agg(message order by no) from fresh where message like 'lease %' having count(*) > 0;
  return null;
end $$;
create trigger chaos_said after insert on trunkline.log referencing new table as fresh for each statement execute function chaos.said();

-- a statement of ours that fails as the server would let it fail
create function chaos.fail(state text) returns void language plpgsql as $$ begin
  raise exception 'failed on purpose with %', state using errcode = state;
end $$;
