-- What we keep beside a pgAgent schema: the computation of next runs, settings that pgAgent has no columns for, and what a run
-- left beyond the log rows. Nothing of pgAgent's own is changed by it; dropping this schema takes all of it away.
create schema if not exists trunkline_pgagent;
comment on schema trunkline_pgagent is 'Trunkline beside pgAgent; may be dropped when the original agent goes on alone';

create table if not exists trunkline_pgagent.job_setting (
  jobid int primary key,
  timezone text,
  timeout_ms bigint check (timeout_ms > 0)
);
comment on table trunkline_pgagent.job_setting is 'What a job of pgAgent has no columns for; null = the server''s default';

create table if not exists trunkline_pgagent.step_setting (
  jstid int primary key,
  timeout_ms bigint check (timeout_ms > 0)
);
comment on table trunkline_pgagent.step_setting is 'What a step of pgAgent has no columns for; null = the job''s default';

-- Runs that somebody wants to end; their agent looks here when it is notified, and with each poll.
create table if not exists trunkline_pgagent.cancel (
  jlgid int primary key,
  wanted_by text,
  wanted_at timestamptz not null default now()
);

-- Single steps that somebody wants to run. Our agents look here; the job itself is not due, so the original never runs all of it instead.
create table if not exists trunkline_pgagent.step_wanted (
  jstid int primary key,
  wanted_by text,
  wanted_at timestamptz not null default now()
);

-- What the server said while a step ran; the log of pgAgent has no column for it.
create table if not exists trunkline_pgagent.step_notice (
  jslid int primary key,
  notices text not null
);

-- Runs of a single step: a dead agent's is not repeated as a run of the whole job.
create table if not exists trunkline_pgagent.step_run (
  jlgid int primary key,
  jstid int not null,
  wanted_by text
);

-- What the sessions of a run's steps are called: by the database as well, since several of one server may have runs of that number.
create or replace function trunkline_pgagent.session_of(run int) returns text language sql stable as $$
  select format('pgagent step %s/%s', (select oid from pg_database where datname = current_database()), run)
$$;

-- Jobs whose place native schedules of Trunkline have taken, so that it can be taken back.
create table if not exists trunkline_pgagent.imported (
  jobid int primary key,
  schedules text[] not null,
  was_enabled boolean not null,
  imported_by text,
  imported_at timestamptz not null default now()
);

-- What was there before an upgrade, so that it can be put back.
create table if not exists trunkline_pgagent.replaced (
  kind text not null,
  on_table text not null,
  name text not null,
  definition text,
  replaced_by text,
  replaced_at timestamptz not null default now(),
  primary key (kind, on_table, name)
);

create or replace function trunkline_pgagent.tell_due() returns trigger language plpgsql as $$
begin
  perform pg_notify('trunkline_pgagent', json_build_object('event', 'due', 'job', new.jobid)::text);
  return null;
end $$;

create or replace function trunkline_pgagent.tell_run() returns trigger language plpgsql as $$
begin
  perform pg_notify('trunkline_pgagent', json_build_object('event', 'run', 'job', new.jlgjobid, 'run', new.jlgid, 'status', new.jlgstatus)::text);
  return null;
end $$;

create or replace function trunkline_pgagent.tell_step() returns trigger language plpgsql as $$
begin
  perform pg_notify('trunkline_pgagent', json_build_object('event', 'step', 'run', new.jsljlgid, 'step', new.jsljstid, 'log', new.jslid, 'status', new.jslstatus)::text);
  return null;
end $$;

create or replace function trunkline_pgagent.tell_cancel() returns trigger language plpgsql as $$
begin
  perform pg_notify('trunkline_pgagent', json_build_object('event', 'cancel', 'run', new.jlgid)::text);
  return null;
end $$;
create or replace trigger tell_cancel after insert on trunkline_pgagent.cancel for each row execute function trunkline_pgagent.tell_cancel();

create or replace function trunkline_pgagent.tell_step_wanted() returns trigger language plpgsql as $$
begin
  perform pg_notify('trunkline_pgagent', json_build_object('event', 'due', 'step', new.jstid)::text);
  return null;
end $$;
create or replace trigger tell_step_wanted after insert or update on trunkline_pgagent.step_wanted
  for each row execute function trunkline_pgagent.tell_step_wanted();

-- Triggers on pgAgent's own tables, which add no columns: with them agents hear at once of a job that is due, and listeners of each status.
create or replace function trunkline_pgagent.watch() returns void language sql as $$
  create or replace trigger trunkline_due after insert or update of jobnextrun on pgagent.pga_job for each row
    when (new.jobenabled and new.jobagentid is null and new.jobnextrun <= now()) execute function trunkline_pgagent.tell_due();
  create or replace trigger trunkline_run after insert or update of jlgstatus on pgagent.pga_joblog for each row execute function trunkline_pgagent.tell_run();
  create or replace trigger trunkline_step after insert or update of jslstatus on pgagent.pga_jobsteplog for each row execute function trunkline_pgagent.tell_step();
$$;
create or replace function trunkline_pgagent.unwatch() returns void language sql as $$
  drop trigger if exists trunkline_due on pgagent.pga_job;
  drop trigger if exists trunkline_run on pgagent.pga_joblog;
  drop trigger if exists trunkline_step on pgagent.pga_jobsteplog;
$$;

-- Which zone the clocks of a schedule show: the job's own, else that of the session, as the original does.
create or replace function trunkline_pgagent.timezone_of(jobid int) returns text language sql stable as $$
  select coalesce((select s.timezone from trunkline_pgagent.job_setting s where s.jobid = timezone_of.jobid), current_setting('TimeZone'))
$$;

-- The flags of a field, or null where it chooses nothing and means every one: an array with two dimensions has no element that could
-- be true, as for the original.
create or replace function trunkline_pgagent.chosen(flags boolean[]) returns boolean[] language sql immutable as $$
  select case when array_ndims(flags) = 1 and array_position(flags, true) is not null then flags end
$$;

-- The first minute after "after" that all fields select and no exception takes away. With chosen hours a time that does not exist is
-- shifted by the gap and one that occurs twice means the second; with an empty or full hour field the schedule runs in every real hour.
-- Its twin is next-run.ts; a test compares both.
create or replace function trunkline_pgagent.next_run(schedule int, starts timestamptz, ends timestamptz, minutes boolean[], hours boolean[],
  weekdays boolean[], monthdays boolean[], months boolean[], after timestamptz, zone text) returns timestamptz language plpgsql stable as $$
declare
  first_instant timestamptz := greatest(date_trunc('minute', starts), date_trunc('minute', after + interval '1 minute'));
  earliest timestamp := first_instant at time zone zone;
  every_hour boolean;
  times interval[];
  month_days int;
  d date := earliest::date;
  last_date date := earliest::date + 146097; -- the calendar repeats itself after 400 years
  found timestamptz;
  at timestamptz;
  l timestamp;
begin
  if starts is null or ends < after then return null; end if;
  minutes := trunkline_pgagent.chosen(minutes); hours := trunkline_pgagent.chosen(hours); weekdays := trunkline_pgagent.chosen(weekdays);
  monthdays := trunkline_pgagent.chosen(monthdays); months := trunkline_pgagent.chosen(months);
  every_hour := coalesce(cardinality(array_positions(hours, true)), 0) in (0, 24);
  times := array(
    select make_interval(hours => h, mins => m) from generate_series(0, 23) h, generate_series(0, 59) m
    where (every_hour or hours[h + 1]) and (minutes is null or minutes[m + 1])
      and not exists (select from pgagent.pga_exception
        where jexscid = schedule and jexdate is null and jextime = make_time(h, m, 0))
    order by h, m);
  if cardinality(times) = 0 then return null; end if;

  while d <= last_date loop
    if ends is not null and (d - 1)::timestamp > ends at time zone 'UTC' + interval '1 day' then return null; end if;
    if months is not null and not coalesce(months[extract(month from d)::int], false) then
      d := (date_trunc('month', d) + interval '1 month')::date;
      continue;
    end if;
    month_days := extract(day from date_trunc('month', d) + interval '1 month' - interval '1 day');
    if (weekdays is null or weekdays[extract(dow from d)::int + 1])
      and (monthdays is null or monthdays[extract(day from d)::int] or (monthdays[32] and extract(day from d)::int = month_days))
      and not exists (select from pgagent.pga_exception where jexscid = schedule and jexdate = d and jextime is null)
    then
      found := null;
      if every_hour then
        -- the date as it really passes; three hours early, for a midnight that occurs twice
        at := greatest(first_instant, (d::timestamp at time zone zone) - interval '3 hours');
        loop
          l := at at time zone zone;
          exit when l::date > d;
          if l::date = d and (minutes is null or minutes[extract(minute from l)::int + 1])
            and not exists (select from pgagent.pga_exception where jexscid = schedule
              and (jexdate = d and jextime = l::time or jexdate is null and jextime = l::time))
          then
            found := at;
            exit;
          end if;
          at := at + interval '1 minute';
        end loop;
      else
        -- by the clock on the wall: what occurs twice is over when its first occurrence is
        select min((d + t) at time zone zone) into found from unnest(times) t
        where d + t >= earliest
          and not exists (select from pgagent.pga_exception where jexscid = schedule and jexdate = d and jextime = (d + t)::time);
      end if;
      if found is not null then
        if found > ends then return null; end if;
        return found;
      end if;
    end if;
    d := d + 1;
  end loop;
  return null;
end $$;

-- The next run as pgAgent 4.2 computes it, defects included. Its twin is legacy.ts; a test compares both.
create or replace function trunkline_pgagent.next_run_legacy(schedule int, starts timestamptz, ends timestamptz, minutes boolean[], hours boolean[],
  weekdays boolean[], monthdays boolean[], months boolean[], after timestamptz, zone text) returns timestamptz language plpgsql stable as $$
declare
  run_after timestamp := greatest(date_trunc('minute', starts), date_trunc('minute', after + interval '1 minute')) at time zone zone;
  local_end timestamp := ends at time zone zone;
  next_minute boolean := false; -- the last turn ended with "one minute later" …
  next_day boolean := false;    -- … or with "one day later"
  y int; mo int; d int; h int; mi int; p int;
  moved boolean;
  was int;
  l timestamp;
  x pgagent.pga_exception;
begin
  if starts is null or ends < after then return null; end if;
  minutes := trunkline_pgagent.chosen(minutes); hours := trunkline_pgagent.chosen(hours); weekdays := trunkline_pgagent.chosen(weekdays);
  monthdays := trunkline_pgagent.chosen(monthdays); months := trunkline_pgagent.chosen(months);

  for turn in 1 .. 200000 loop
    y := extract(year from run_after); mo := extract(month from run_after); d := extract(day from run_after);
    h := extract(hour from run_after); mi := extract(minute from run_after);
    moved := false;
    if months is not null then
      p := array_position(months, true, mo);
      if p is null then y := y + 1; p := array_position(months, true); end if;
      moved := p <> mo;
      mo := p;
    end if;
    was := d;
    if moved then
      d := coalesce(array_position(monthdays, true), 1);
    elsif monthdays is not null then
      p := array_position(monthdays, true, d);
      if p is null then
        p := array_position(monthdays, true);
        moved := true;
        if mo = 12 then mo := 1; y := y + 1; else mo := mo + 1; end if;
      end if;
      d := p;
    end if;
    if d = 32 then d := extract(day from make_date(y, mo, 1) + interval '1 month' - interval '1 day'); end if;
    moved := moved or d <> was;
    if moved or next_day then
      h := coalesce(array_position(hours, true) - 1, 0);
    elsif hours is not null then
      p := array_position(hours, true, h + 1) - 1;
      if p is null then
        h := array_position(hours, true) - 1;
        select extract(year from t), extract(month from t), extract(day from t) into y, mo, d from (select make_date(y, mo, d) + 1 t) z;
        moved := true;
      else
        moved := p <> h;
        h := p;
      end if;
    end if;
    if moved or next_day then
      mi := coalesce(array_position(minutes, true, case when next_minute then 1 else extract(minute from run_after)::int end) - 1, 0);
    elsif minutes is not null then
      p := array_position(minutes, true, mi + 1) - 1;
      if p is null then
        mi := array_position(minutes, true) - 1;
        if h = 23 then
          h := 0;
          select extract(year from t), extract(month from t), extract(day from t) into y, mo, d from (select make_date(y, mo, d) + 1 t) z;
        else
          h := h + 1;
        end if;
      else
        mi := p;
      end if;
    end if;

    -- a date that does not exist is an error; by way of an instant, so that a gap moves the time
    l := ((y || '-' || mo || '-' || d || ' ' || h || ':' || mi)::timestamp at time zone zone) at time zone zone;
    if minutes is null and hours is null and monthdays is null and months is null and l = run_after then l := l + interval '1 minute'; end if;
    if l > local_end then return null; end if;

    if not (coalesce(minutes[extract(minute from l)::int + 1], minutes is null) and coalesce(hours[extract(hour from l)::int + 1], hours is null)
      and coalesce(months[extract(month from l)::int], months is null)
      and (coalesce(monthdays[extract(day from l)::int], monthdays is null)
        or array_positions(monthdays, true) = array[32] and (extract(day from l + interval '1 day') = 1
          or extract(month from l) = 2 and extract(day from l) = 28)))
    then
      run_after := l + interval '1 minute'; next_minute := true; next_day := false;
    elsif weekdays is not null and not coalesce(weekdays[extract(dow from l)::int + 1], false) then
      run_after := l + interval '1 day'; next_minute := false; next_day := true;
    else
      select * into x from pgagent.pga_exception where jexscid = schedule
        and (jexdate = l::date and jextime = l::time or jexdate = l::date and jextime is null or jexdate is null and jextime = l::time)
        order by jexid limit 1;
      if not found then return l at time zone zone; end if;
      perform x.jexid::int2; -- the original keeps it in a small integer
      run_after := l + interval '1 minute'; next_minute := true; next_day := false;
    end if;
  end loop;
  raise exception 'no next run was found for schedule %', schedule using errcode = 'query_canceled',
    hint = 'The exceptions of this schedule seem to take all of its times away. The original would search for ever.';
end $$;

-- Whoever may change jobs fires triggers that compute the next run: they call functions here, and read the zone of a job.
grant usage on schema trunkline_pgagent to public;
grant select on trunkline_pgagent.job_setting to public;
