-- The schema that pgAgent 4 installs, for servers without its extension: the same names, types, defaults, checks and triggers, so that
-- pgAdmin and the original agent meet what they know. Function bodies are our own. Run after trunkline_pgagent.sql's schema exists.
create schema pgagent;
comment on schema pgagent is 'pgAgent system tables';

create table pgagent.pga_jobagent (
  jagpid int4 not null primary key,
  jaglogintime timestamptz not null default current_timestamp,
  jagstation text not null
);
comment on table pgagent.pga_jobagent is 'Active job agents';

create table pgagent.pga_jobclass (
  jclid serial not null primary key,
  jclname text not null
);
create unique index pga_jobclass_name on pgagent.pga_jobclass (jclname);
comment on table pgagent.pga_jobclass is 'Job classification';
insert into pgagent.pga_jobclass (jclname)
values ('Routine Maintenance'), ('Data Import'), ('Data Export'), ('Data Summarisation'), ('Miscellaneous');

create table pgagent.pga_job (
  jobid serial not null primary key,
  jobjclid int4 not null references pgagent.pga_jobclass (jclid) on delete restrict on update restrict,
  jobname text not null,
  jobdesc text not null default '',
  jobhostagent text not null default '',
  jobenabled bool not null default true,
  jobcreated timestamptz not null default current_timestamp,
  jobchanged timestamptz not null default current_timestamp,
  jobagentid int4 null references pgagent.pga_jobagent (jagpid) on delete set null on update restrict,
  jobnextrun timestamptz null,
  joblastrun timestamptz null
);
comment on table pgagent.pga_job is 'Job main entry';
comment on column pgagent.pga_job.jobagentid is 'Agent that currently executes this job.';

create table pgagent.pga_jobstep (
  jstid serial not null primary key,
  jstjobid int4 not null references pgagent.pga_job (jobid) on delete cascade on update restrict,
  jstname text not null,
  jstdesc text not null default '',
  jstenabled bool not null default true,
  jstkind char not null check (jstkind in ('b', 's')),
  jstcode text not null,
  jstconnstr text not null default ''
    check ((jstconnstr != '' and jstkind = 's') or (jstconnstr = '' and (jstkind = 'b' or jstdbname != ''))),
  jstdbname name not null default ''
    check ((jstdbname != '' and jstkind = 's') or (jstdbname = '' and (jstkind = 'b' or jstconnstr != ''))),
  jstonerror char not null check (jstonerror in ('f', 's', 'i')) default 'f',
  jscnextrun timestamptz null
);
create index pga_jobstep_jobid on pgagent.pga_jobstep (jstjobid);
comment on table pgagent.pga_jobstep is 'Job step to be executed';
comment on column pgagent.pga_jobstep.jstkind is 'Kind of jobstep: s=sql, b=batch';
comment on column pgagent.pga_jobstep.jstonerror is 'What to do if step returns an error: f=fail the job, s=mark step as succeeded and continue, i=mark as fail but ignore it and proceed';

create table pgagent.pga_schedule (
  jscid serial not null primary key,
  jscjobid int4 not null references pgagent.pga_job (jobid) on delete cascade on update restrict,
  jscname text not null,
  jscdesc text not null default '',
  jscenabled bool not null default true,
  jscstart timestamptz not null default current_timestamp,
  jscend timestamptz,
  jscminutes bool[60] not null default '{f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}',
  jschours bool[24] not null default '{f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}',
  jscweekdays bool[7] not null default '{f,f,f,f,f,f,f}',
  jscmonthdays bool[32] not null default '{f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}',
  jscmonths bool[12] not null default '{f,f,f,f,f,f,f,f,f,f,f,f}',
  constraint pga_schedule_jscminutes_size check (array_upper(jscminutes, 1) = 60),
  constraint pga_schedule_jschours_size check (array_upper(jschours, 1) = 24),
  constraint pga_schedule_jscweekdays_size check (array_upper(jscweekdays, 1) = 7),
  constraint pga_schedule_jscmonthdays_size check (array_upper(jscmonthdays, 1) = 32),
  constraint pga_schedule_jscmonths_size check (array_upper(jscmonths, 1) = 12)
);
create index pga_jobschedule_jobid on pgagent.pga_schedule (jscjobid);
comment on table pgagent.pga_schedule is 'Job schedule exceptions';

create table pgagent.pga_exception (
  jexid serial not null primary key,
  jexscid int4 not null references pgagent.pga_schedule (jscid) on delete cascade on update restrict,
  jexdate date null,
  jextime time null
);
create index pga_exception_jexscid on pgagent.pga_exception (jexscid);
create unique index pga_exception_datetime on pgagent.pga_exception (jexdate, jextime);

create table pgagent.pga_joblog (
  jlgid serial not null primary key,
  jlgjobid int4 not null references pgagent.pga_job (jobid) on delete cascade on update restrict,
  jlgstatus char not null check (jlgstatus in ('r', 's', 'f', 'i', 'd')) default 'r',
  jlgstart timestamptz not null default current_timestamp,
  jlgduration interval null
);
create index pga_joblog_jobid on pgagent.pga_joblog (jlgjobid);
comment on table pgagent.pga_joblog is 'Job run logs.';
comment on column pgagent.pga_joblog.jlgstatus is 'Status of job: r=running, s=successfully finished, f=failed, i=no steps to execute, d=aborted';

create table pgagent.pga_jobsteplog (
  jslid serial not null primary key,
  jsljlgid int4 not null references pgagent.pga_joblog (jlgid) on delete cascade on update restrict,
  jsljstid int4 not null references pgagent.pga_jobstep (jstid) on delete cascade on update restrict,
  jslstatus char not null check (jslstatus in ('r', 's', 'i', 'f', 'd')) default 'r',
  jslresult int4 null,
  jslstart timestamptz not null default current_timestamp,
  jslduration interval null,
  jsloutput text
);
create index pga_jobsteplog_jslid on pgagent.pga_jobsteplog (jsljlgid);
comment on table pgagent.pga_jobsteplog is 'Job step run logs.';
comment on column pgagent.pga_jobsteplog.jslstatus is 'Status of job step: r=running, s=successfully finished, f=failed stopping job, i=ignored failure, d=aborted';
comment on column pgagent.pga_jobsteplog.jslresult is 'Return code of job step';

create function pgagent.pgagent_schema_version() returns int2 language plpgsql volatile as $$
begin
  return 4;
end $$;

create function pgagent.pga_is_leap_year(int2) returns bool language sql immutable as $$
  select $1 % 4 = 0 and ($1 % 100 <> 0 or $1 % 400 = 0)
$$;
comment on function pgagent.pga_is_leap_year(int2) is 'Returns TRUE if $1 is a leap year';

-- `set pgagent.legacy = on` (in a session, for a role or for a database) brings back the original's answers, defects included.
create function pgagent.pga_next_schedule(int4, timestamptz, timestamptz, bool[], bool[], bool[], bool[], bool[]) returns timestamptz
language plpgsql volatile as $$
declare
  jscid alias for $1;
  zone text := trunkline_pgagent.timezone_of((select s.jscjobid from pgagent.pga_schedule s where s.jscid = $1));
begin
  if coalesce(nullif(current_setting('pgagent.legacy', true), ''), 'off')::bool then
    return trunkline_pgagent.next_run_legacy($1, $2, $3, $4, $5, $6, $7, $8, now(), zone);
  end if;
  return trunkline_pgagent.next_run($1, $2, $3, $4, $5, $6, $7, $8, now(), zone);
end $$;
comment on function pgagent.pga_next_schedule(int4, timestamptz, timestamptz, bool[], bool[], bool[], bool[], bool[]) is 'Calculates the next runtime for a given schedule';

-- No EXCEPTION block in any of these: a row written in a subtransaction is not found by pgAdmin's look-up by xmin.
create function pgagent.pga_job_trigger() returns trigger language plpgsql volatile as $$
begin
  if not new.jobenabled then
    new.jobnextrun := null;
  elsif new.jobnextrun is null then
    select min(pgagent.pga_next_schedule(jscid, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths))
      into new.jobnextrun from pgagent.pga_schedule where jscenabled and jscjobid = old.jobid;
  end if;
  return new;
end $$;
comment on function pgagent.pga_job_trigger() is 'Update the job''s next run time.';
create trigger pga_job_trigger before update on pgagent.pga_job for each row execute procedure pgagent.pga_job_trigger();
comment on trigger pga_job_trigger on pgagent.pga_job is 'Update the job''s next run time.';

create function pgagent.pga_schedule_trigger() returns trigger language plpgsql volatile as $$
begin
  if tg_op <> 'INSERT' then
    update pgagent.pga_job set jobnextrun = null where jobenabled and jobid = old.jscjobid;
  end if;
  if tg_op = 'INSERT' or tg_op = 'UPDATE' and new.jscjobid <> old.jscjobid then
    update pgagent.pga_job set jobnextrun = null where jobenabled and jobid = new.jscjobid;
  end if;
  return null;
end $$;
comment on function pgagent.pga_schedule_trigger() is 'Update the job''s next run time whenever a schedule changes';
create trigger pga_schedule_trigger after insert or update or delete on pgagent.pga_schedule
  for each row execute procedure pgagent.pga_schedule_trigger();
comment on trigger pga_schedule_trigger on pgagent.pga_schedule is 'Update the job''s next run time whenever a schedule changes';

create function pgagent.pga_exception_trigger() returns trigger language plpgsql volatile as $$
begin
  if tg_op <> 'INSERT' then
    update pgagent.pga_job set jobnextrun = null
    where jobenabled and jobid = (select jscjobid from pgagent.pga_schedule where jscid = old.jexscid);
  end if;
  if tg_op = 'INSERT' or tg_op = 'UPDATE' and new.jexscid <> old.jexscid then
    update pgagent.pga_job set jobnextrun = null
    where jobenabled and jobid = (select jscjobid from pgagent.pga_schedule where jscid = new.jexscid);
  end if;
  return null;
end $$;
comment on function pgagent.pga_exception_trigger() is 'Update the job''s next run time whenever an exception changes';
create trigger pga_exception_trigger after insert or update or delete on pgagent.pga_exception
  for each row execute procedure pgagent.pga_exception_trigger();
comment on trigger pga_exception_trigger on pgagent.pga_exception is 'Update the job''s next run time whenever an exception changes';
