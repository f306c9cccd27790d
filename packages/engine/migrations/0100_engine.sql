-- The engine, complete: pauses, keys, tags, linked re-runs, deletion, searchable payload paths, why, retention (docs/sql.md).
-- breaking: no

-- All locks at first, in the order in which producers take them (trunkline.enqueue: task, queue, job): whoever holds one of them and
-- waits for another that we hold would be ended as a deadlock.
lock table trunkline.task, trunkline.queue, trunkline.job in access exclusive mode;

-- A paused queue gives out nothing; its jobs stay where they are. Without an end it waits for somebody.
alter table trunkline.queue
  add column paused_at timestamptz,
  add column paused_until timestamptz,
  add column paused_reason text,
  add column paused_by text;

alter table trunkline.task add column searchable text[];

alter table trunkline.job
  add column key text,
  add column tags text[],
  add column rerun_of bigint;
create index job_tags on trunkline.job using gin (tags) where tags is not null;

-- What a job was given later, instead of what its row says.
create table trunkline.retagged (
  id bigint primary key,
  tags text[] not null
);

-- Deleted by somebody: no verb and no list finds it; the row goes with its partition.
create table trunkline.hidden (
  id bigint primary key,
  at timestamptz not null default now(),
  by_whom text
);

-- Payload values of tasks that list searchable paths.
create table trunkline.searchable (
  task_id int not null,
  path text not null,
  value text not null,
  job_id bigint not null,
  primary key (task_id, path, value, job_id)
);
create index searchable_job on trunkline.searchable (job_id);

-- Who holds a key. kind: 0 unique key, 1 idempotency key. mode: 1 ignore, 2 replace, 4 throttle, 5 idempotency.
-- Freed lazily: a holder that has ended, or whose window is over, holds nothing, so no path can forget to free it.
create table trunkline.key (
  queue_id int not null,
  kind smallint not null,
  key text not null,
  id bigint not null,
  mode smallint not null,
  at timestamptz not null,
  window_ms bigint not null default 0,
  hash bytea,
  primary key (queue_id, kind, key)
) with (fillfactor = 70);
create index key_at on trunkline.key (at);

-- A payload that is still being replaced: the job row is written when it fires.
create table trunkline.debounce (
  id bigint primary key,
  queue_id int not null,
  key text not null,
  task_id int not null,
  priority smallint not null,
  max_attempts smallint not null,
  timeout_ms bigint,
  created_by text,
  tags text[],
  payload jsonb not null,
  created_at timestamptz not null default now(),
  run_at timestamptz not null,
  last_at timestamptz not null,
  calls int not null default 1,
  unique (queue_id, key)
) with (fillfactor = 70);
create index debounce_run_at on trunkline.debounce (run_at);

-- The ranges of ids that have partitions. closing: retention is about to take it, so nothing of it may come alive again.
create table trunkline.id_range (
  no int primary key,
  made_at timestamptz not null default now(),
  closing_at timestamptz
);
insert into trunkline.id_range(no) select i from generate_series(0, 3) i;

-- Ended jobs that retention has removed: what the counters hold beyond the history.
create table trunkline.expired (
  queue_id int not null,
  task_id int not null,
  status smallint not null,
  n bigint not null,
  primary key (queue_id, task_id, status)
);

do $$
declare t text;
begin
  foreach t in array array['moved', 'retagged', 'hidden', 'cancel_wanted', 'key', 'debounce', 'attempt', 'progress'] loop
    execute format('alter table trunkline.%I set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)', t);
  end loop;
end $$;

drop view trunkline.jobs;
create view trunkline.jobs as
select j.id, t.name as task, q.name as queue,
  case when o.id is not null then case o.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end
    when l.id is not null then 'running' else 'pending' end as state,
  case when o.id is not null then case o.status when 2 then null when 3 then coalesce(o.error ->> 'reason', 'attempts_used') when 5 then 'replaced' else 'cancelled' end
    when l.id is not null then null
    when s.id is not null then case s.why when 1 then 'retrying' else 'scheduled' end
    when q.paused_at is not null and (q.paused_until is null or q.paused_until > now()) then 'paused'
    else 'due' end as reason,
  (-coalesce(m.priority, j.priority))::int as priority,
  case when o.id is not null then o.attempt + case when o.started_at is null then 0 else 1 end
    when l.id is not null then l.attempt + 1
    else coalesce((select max(a.attempt) + 1 from trunkline.attempt a where a.id = j.id), 0) end as attempt,
  j.max_attempts::int as max_attempts,
  p.current as progress_current, p.total as progress_total, p.unit as progress_unit, p.stage as progress_stage,
  case when p.total > 0 then least(100, greatest(0, floor(100 * p.current / p.total)))::int end as progress_percent,
  coalesce(g.tags, j.tags, '{}') as tags, j.key, j.rerun_of,
  j.created_at, j.created_by,
  coalesce(s.run_at, j.run_at, j.created_at) as run_at,
  coalesce(o.started_at, l.at) as started_at,
  o.finished_at,
  (extract(epoch from coalesce(o.started_at, l.at) - coalesce(j.run_at, j.created_at)) * 1000)::bigint as wait_ms,
  (extract(epoch from coalesce(o.finished_at, case when l.id is not null then now() end) - coalesce(o.started_at, l.at)) * 1000)::bigint as duration_ms,
  coalesce(o.worker_id, l.worker_id) as worker_id,
  l.id as lease_id,
  coalesce(o.error, case when o.id is null then (select a.error from trunkline.attempt a where a.id = j.id order by a.attempt desc limit 1) end) as error,
  p.outcome as outcome,
  j.timeout_ms, j.payload, o.result
from trunkline.job j
join trunkline.task t on t.id = j.task_id
left join trunkline.moved m on m.id = j.id
join trunkline.queue q on q.id = coalesce(m.queue_id, j.queue_id)
left join trunkline.retagged g on g.id = j.id
left join trunkline.outcome o on o.id = j.id
left join lateral (
  select e.id, e.worker_id, e.at, e.attempts[array_position(e.ids, j.id)] as attempt from trunkline.lease e where o.id is null and e.ids @> array[j.id] limit 1
) l on true
left join trunkline.scheduled s on s.id = j.id and o.id is null
left join trunkline.progress p on p.job_id = j.id
where not exists (select from trunkline.hidden h where h.id = j.id)
union all
-- debounced: the job is accepted, but its payload may still be replaced
select d.id, t.name, q.name, 'pending', 'scheduled', (-d.priority)::int, 0, d.max_attempts::int, null, null, null, null, null,
  coalesce(d.tags, '{}'), d.key, null, d.created_at, d.created_by, d.run_at, null, null, null, null, null, null, null, null,
  d.timeout_ms, d.payload, null
from trunkline.debounce d
join trunkline.task t on t.id = d.task_id
join trunkline.queue q on q.id = d.queue_id;

-- Takes jobs out of the places where they wait, and answers where each one was: ready, scheduled, debounce (its job row is
-- written now), or that it is running, completed, failed, cancelled or gone. With only_timed it leaves ready ones where they stand. A function, because
-- a job can move between two places while we look, and only a fresh snapshot shows where it went. Lock order: chunks by key.
create function trunkline.take_out(wanted bigint[], only_timed boolean default false)
returns table (id bigint, place text, task_id int, queue_id int, lane smallint, own_lane smallint, attempt smallint, run_at timestamptz, why smallint, worker_id int)
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off set jit = off as $f$
#variable_conflict use_column
declare
  left_ bigint[] := array(select distinct u from unnest(wanted) u where not exists (select from trunkline.hidden h where h.id = u));
  r record;
  turn int := 0;
begin
  for id in select distinct u from unnest(wanted) u where not u = any(left_) loop
    place := 'gone';
    return next;
  end loop;
  while cardinality(left_) > 0 loop
    for r in
      with d as (delete from trunkline.scheduled s where s.id = any(left_) returning s.*)
      select d.id, d.queue_id, d.priority lane, d.attempt, d.run_at, d.why, j.task_id, coalesce(m.priority, j.priority) own
      from d join trunkline.job j on j.id = d.id left join trunkline.moved m on m.id = d.id
    loop
      id := r.id; place := 'scheduled'; task_id := r.task_id; queue_id := r.queue_id; lane := r.lane; own_lane := r.own;
      attempt := r.attempt; run_at := r.run_at; why := r.why; worker_id := null;
      left_ := array_remove(left_, r.id);
      return next;
    end loop;
    for r in
      with d as (delete from trunkline.debounce b where b.id = any(left_) returning b.*),
        j as (insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, created_at, run_at, timeout_ms, created_by, payload, tags, key)
          select d.id, d.queue_id, d.task_id, d.priority, d.max_attempts, d.created_at, d.run_at, d.timeout_ms, d.created_by, d.payload, d.tags, d.key from d)
      select d.* from d
    loop
      id := r.id; place := 'debounce'; task_id := r.task_id; queue_id := r.queue_id; lane := r.priority; own_lane := r.priority;
      attempt := 0; run_at := r.run_at; why := 0; worker_id := null;
      left_ := array_remove(left_, r.id);
      return next;
    end loop;
    if not only_timed and cardinality(left_) > 0 then
      for r in
        with j as materialized (
            select j.id, j.task_id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) own
            from trunkline.job j left join trunkline.moved m on m.id = j.id
            where j.id = any(left_) and not exists (select from trunkline.outcome o where o.id = j.id)),
          -- near its own number, where it stands unless it was put back
          near as materialized (
            select j.id, j.q, j.own p, y.seq from j, lateral (
              select z.seq from (select c.seq, c.ids from trunkline.ready c
                where c.queue_id = j.q and c.priority = j.own and c.seq <= j.id order by c.seq desc limit 8) z
              where j.id = any(z.ids) limit 1) y),
          rest as materialized (select array_agg(j.id) ids, array_agg(distinct j.q) queues from j where not exists (select from near n where n.id = j.id)),
          -- else the whole queue is looked through, once for all of them
          far as materialized (
            select c.queue_id q, c.priority p, c.seq from rest, trunkline.ready c where c.queue_id = any(rest.queues) and c.ids && rest.ids),
          chunk as materialized (select distinct q, p, seq from (select q, p, seq from near union all select q, p, seq from far) z order by q, p, seq),
          s as materialized (
            select c.queue_id, c.priority, c.seq, c.attempt, c.ids, array(select u from unnest(c.ids) with ordinality u(u, o) where not u = any(left_) order by o) rest
            from chunk k join trunkline.ready c on c.queue_id = k.q and c.priority = k.p and c.seq = k.seq
            where c.ids && left_ order by k.q, k.p, k.seq for update of c),
          d as (delete from trunkline.ready c using s where s.rest = '{}' and c.queue_id = s.queue_id and c.priority = s.priority and c.seq = s.seq),
          u as (update trunkline.ready c set ids = s.rest, n = cardinality(s.rest) from s
            where s.rest <> '{}' and c.queue_id = s.queue_id and c.priority = s.priority and c.seq = s.seq)
        select e.id, s.queue_id, s.priority lane, s.attempt, j.task_id, j.own
        from s, unnest(s.ids) e(id) join j on j.id = e.id
        where e.id = any(left_)
      loop
        id := r.id; place := 'ready'; task_id := r.task_id; queue_id := r.queue_id; lane := r.lane; own_lane := r.own;
        attempt := r.attempt; run_at := null; why := 0; worker_id := null;
        left_ := array_remove(left_, r.id);
        return next;
      end loop;
    end if;
    exit when left_ = '{}';
    -- the others run, have ended, or are on their way from one place to another
    turn := turn + 1;
    for r in
      select w.id, o.status, l.worker_id, j.id is not null known, j.task_id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) own
      from unnest(left_) w(id)
        left join trunkline.job j on j.id = w.id
        left join trunkline.moved m on m.id = w.id
        left join trunkline.outcome o on o.id = w.id
        left join lateral (select e.worker_id from trunkline.lease e where e.ids @> array[w.id] and o.id is null limit 1) l on true
    loop
      place := case when r.status is not null then case r.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end when r.worker_id is not null then 'running' when not r.known then 'gone'
        when only_timed then 'ready' when turn >= 100 then 'moving' end;
      -- a debounced job fires between our two looks: it is known the next time
      if place = 'gone' and turn < 3 then place := null; end if;
      continue when place is null;
      id := r.id; task_id := r.task_id; queue_id := r.q; lane := r.own; own_lane := r.own;
      attempt := null; run_at := null; why := null; worker_id := r.worker_id;
      left_ := array_remove(left_, r.id);
      return next;
    end loop;
    if turn > 3 and cardinality(left_) > 0 then perform pg_sleep(0.002); end if;
  end loop;
end $f$;

-- Makes one job under a unique key, an idempotency key, or none. mode: 1 ignore, 2 replace, 3 debounce, 4 throttle.
-- made: new, existing, replaced, debounced. A function, because what holds the key may only be looked at with a snapshot that
-- is younger than the lock on the key's row. Lock order: idempotency key, unique key, chunk.
create function trunkline.enqueue_keyed(
  q int, t int, lane smallint, attempts smallint, at timestamptz, delay_ms bigint, timeout bigint, who text, body jsonb, labels text[], origin bigint,
  k text, mode smallint, window_ms bigint, max_wait_ms bigint, ik text, ik_window_ms bigint,
  out job_id bigint, out made text)
language plpgsql volatile as $f$
#variable_conflict use_variable
declare
  due timestamptz := coalesce(at, now() + delay_ms * interval '1ms');
  digest bytea;
  h trunkline.key;
  fin timestamptz;
  old record;
  turn int := 0;
  place record;
begin
  if ik is not null then
    digest := sha256(convert_to(jsonb_build_array(t, lane, attempts, at, delay_ms, timeout, labels, k, mode, body)::text, 'UTF8'));
    insert into trunkline.key as x (queue_id, kind, key, id, mode, at, window_ms, hash)
      values (q, 1, ik, 0, 5, clock_timestamp(), ik_window_ms, digest)
      on conflict (queue_id, kind, key) do update set mode = x.mode returning x.* into h;
    if h.id <> 0 and h.at + h.window_ms * interval '1ms' > clock_timestamp() then
      if h.hash <> digest then
        raise exception using errcode = 'TL409', detail = 'idempotency_conflict', column = 'idempotencyKey',
          message = format('the idempotency key %s was used for another request (job %s)', to_json(left(ik, 100)), h.id),
          hint = 'Send the same request again under this key, or use a new key for another request.';
      end if;
      job_id := h.id;
      made := 'existing';
      return;
    end if;
  end if;

  if mode = 3 then
    insert into trunkline.debounce as d (id, queue_id, key, task_id, priority, max_attempts, timeout_ms, created_by, tags, payload, run_at, last_at)
      values (nextval('trunkline.id'), q, k, t, lane, attempts, timeout, who, labels, body,
        clock_timestamp() + least(window_ms, max_wait_ms) * interval '1ms', clock_timestamp() + max_wait_ms * interval '1ms')
      on conflict (queue_id, key) do update set task_id = excluded.task_id, priority = excluded.priority, max_attempts = excluded.max_attempts,
        timeout_ms = excluded.timeout_ms, created_by = excluded.created_by, tags = excluded.tags, payload = excluded.payload,
        run_at = least(clock_timestamp() + window_ms * interval '1ms', d.last_at), calls = d.calls + 1
      returning d.id, case when d.calls = 1 then 'new' else 'debounced' end into job_id, made;
    if made = 'new' then
      insert into trunkline.stat_delta values (date_trunc('minute', now()), q, t, 0, 1, 0);
      insert into trunkline.feed(xid, no, kind, body)
        select pg_current_xact_id(), nextval('trunkline.feed_no'), 'added', jsonb_build_array(q, t, job_id, 1);
    end if;
    if ik is not null then update trunkline.key x set id = job_id, at = clock_timestamp(), window_ms = ik_window_ms, hash = digest where x.queue_id = q and x.kind = 1 and x.key = ik; end if;
    return;
  end if;

  job_id := nextval('trunkline.id');
  made := 'new';
  if k is not null then
    -- takes the row's lock: from here every caller of this key waits for us
    insert into trunkline.key as x (queue_id, kind, key, id, mode, at, window_ms) values (q, 0, k, job_id, mode, clock_timestamp(), coalesce(window_ms, 0))
      on conflict (queue_id, kind, key) do update set mode = x.mode returning x.* into h;
    while h.id <> job_id loop
      select o.finished_at into fin from trunkline.outcome o where o.id = h.id;
      made := case when case
        when mode = 4 then h.at + window_ms * interval '1ms' <= clock_timestamp()
        when fin is not null then fin + coalesce(window_ms, 0) * interval '1ms' <= clock_timestamp()
        else not exists (select from trunkline.job x where x.id = h.id) end then 'new' else 'existing' end;
      exit when made = 'new' or mode <> 2 or fin is not null;
      -- replace: the new job takes the place of the old one while that waits
      delete from trunkline.scheduled x where x.id = h.id returning x.run_at, x.priority, x.queue_id into old;
      if found then
        made := 'replaced';
        insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) values (job_id, coalesce(due, old.run_at), old.queue_id, lane, 0);
        exit;
      end if;
      -- never an update of the chunk: an older claim would lock its new version and not see the new job's row
      with j as materialized (select j.id, coalesce(m.queue_id, j.queue_id) q, coalesce(m.priority, j.priority) p
          from trunkline.job j left join trunkline.moved m on m.id = j.id where j.id = h.id),
        n as materialized (select z.q, z.p, z.seq from (
            select j.q, j.p, y.seq from j, lateral (select c.seq, c.ids from trunkline.ready c
              where c.queue_id = j.q and c.priority = j.p and c.seq <= j.id order by c.seq desc limit 8) y where j.id = any(y.ids)
            union all
            select j.q, c.priority, c.seq from j join trunkline.ready c on c.queue_id = j.q and c.ids @> array[j.id]) z limit 1)
      select n.q, n.p, n.seq into place from n;
      if found then
        delete from trunkline.ready c where c.queue_id = place.q and c.priority = place.p and c.seq = place.seq and h.id = any(c.ids) returning c.* into old;
        if found then
          made := 'replaced';
          if due > now() then
            insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) values (job_id, due, old.queue_id, lane, 0);
          end if;
          if old.attempt = 0 and old.priority = lane and not coalesce(due > now(), false) then
            insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
              values (old.queue_id, old.priority, old.seq, old.attempt, old.n, array_replace(old.ids, h.id, job_id));
          else
            -- it cannot share a chunk whose jobs have another priority or number of attempts
            if old.n > 1 then
              insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
                values (old.queue_id, old.priority, old.seq, old.attempt, old.n - 1, array_remove(old.ids, h.id));
            end if;
            if not coalesce(due > now(), false) then
              insert into trunkline.ready(queue_id, priority, seq, n, ids) values (old.queue_id, lane, job_id, 1, array[job_id]);
            end if;
          end if;
          exit;
        end if;
      end if;
      -- running: too late to replace. Neither: it moved between two places while we looked
      exit when exists (select from trunkline.lease e where e.ids @> array[h.id]);
      turn := turn + 1;
      exit when turn > 100;
      if turn > 3 then perform pg_sleep(0.002); end if;
    end loop;
    if made = 'existing' then
      job_id := h.id;
    elsif made = 'replaced' then
      insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at, result)
        select h.id, 5, coalesce((select max(a.attempt) + 1 from trunkline.attempt a where a.id = h.id), 0), coalesce(m.queue_id, j.queue_id), j.task_id, now(),
          jsonb_build_object('replacedBy', job_id::text)
        from trunkline.job j left join trunkline.moved m on m.id = j.id where j.id = h.id;
      delete from trunkline.cancel_wanted x where x.id = h.id;
      if old.queue_id <> q then insert into trunkline.moved(id, queue_id, priority) values (job_id, old.queue_id, lane); end if;
      insert into trunkline.stat_delta select date_trunc('minute', now()), o.queue_id, o.task_id, 5, 1, 0 from trunkline.outcome o where o.id = h.id;
    end if;
  end if;

  if made <> 'existing' then
    insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload, tags, key, rerun_of)
      values (job_id, q, t, lane, attempts, due, timeout, who, body, labels, k, origin);
    if made = 'new' then
      if due > now() then
        insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) values (job_id, due, q, lane, 0);
      else
        insert into trunkline.ready(queue_id, priority, seq, n, ids) values (q, lane, job_id, 1, array[job_id]);
        if (select bool_or(i.waiting) from trunkline.idle i where i.queue_id = q) then perform pg_notify('trunkline', 'w'); end if;
      end if;
    end if;
    insert into trunkline.searchable(task_id, path, value, job_id)
      select t, p, left(body #>> string_to_array(p, '.'), 200), job_id from trunkline.task x, unnest(x.searchable) p
      where x.id = t and body #>> string_to_array(p, '.') is not null;
    insert into trunkline.stat_delta values (date_trunc('minute', now()), q, t, 0, 1, 0);
    insert into trunkline.feed(xid, no, kind, body)
      select pg_current_xact_id(), nextval('trunkline.feed_no'), case made when 'new' then 'added' else 'replaced' end,
        case made when 'new' then jsonb_build_array(q, t, job_id, 1) else jsonb_build_object('n', 1, 'ids', jsonb_build_array(job_id, h.id)) end;
    if k is not null then
      update trunkline.key x set id = job_id, at = clock_timestamp(), mode = mode, window_ms = coalesce(window_ms, 0) where x.queue_id = q and x.kind = 0 and x.key = k;
    end if;
  end if;
  if ik is not null then
    update trunkline.key x set id = job_id, at = clock_timestamp(), window_ms = ik_window_ms, hash = digest where x.queue_id = q and x.kind = 1 and x.key = ik;
  end if;
end $f$;

-- Enqueue from any language, in any transaction (CONTRACT section 5). The one before it keeps its number under another name: a
-- producer that is within a call while this runs would find nothing in its place.
alter function trunkline.enqueue rename to enqueue_0001;
create function trunkline.enqueue(
  task text, payload jsonb default '{}'::jsonb, queue text default null, run_at timestamptz default null,
  priority int default null, max_attempts int default null, timeout_ms bigint default null,
  unique_key text default null, unique_mode text default 'ignore', unique_window interval default null, unique_max_wait interval default null,
  idempotency_key text default null, idempotency_window interval default interval '24 hours', tags text[] default null
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $f$
#variable_conflict use_variable
declare
  t trunkline.task;
  queue_name text;
  q_id int;
  mode int := array_position(array['ignore', 'replace', 'debounce', 'throttle'], unique_mode);
  window_ms bigint := extract(epoch from unique_window) * 1000;
  wait_ms bigint := extract(epoch from unique_max_wait) * 1000;
  idempotency_ms bigint := extract(epoch from idempotency_window) * 1000;
  text_ text;
begin
  if task is null or task !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
    raise exception using errcode = 'TL400', message = format('task is %L; a name has 1 to 128 characters of A-Z a-z 0-9 _ . : / -', left(task, 120)), detail = 'invalid_name', column = 'task';
  end if;
  select x.* into t from trunkline.task x where x.name = task;
  if not found then
    raise exception using errcode = 'TL404', message = format('unknown task %L', task), detail = 'unknown_task', column = 'task', hint = 'Start a worker that serves it, or correct the name.';
  end if;
  queue_name := coalesce(queue, t.queue);
  if queue_name !~ '^[A-Za-z0-9_.:/-]{1,128}$' then
    raise exception using errcode = 'TL400', message = format('queue is %L; a name has 1 to 128 characters of A-Z a-z 0-9 _ . : / -', left(queue_name, 120)), detail = 'invalid_name', column = 'queue';
  end if;
  if priority is not null and priority not between -100 and 100 then
    raise exception using errcode = 'TL400', message = format('priority is %s; allowed: a whole number from -100 to 100, higher runs first', priority), detail = 'invalid_priority', column = 'priority';
  end if;
  if max_attempts is not null and max_attempts not between 1 and 1000 then
    raise exception using errcode = 'TL400', message = format('max_attempts is %s; allowed: a whole number from 1 to 1000', max_attempts), detail = 'invalid_option', column = 'max_attempts';
  end if;
  if timeout_ms is not null and timeout_ms not between 1 and 315360000000 then
    raise exception using errcode = 'TL400', message = format('timeout_ms is %s; allowed: 1 to 315360000000', timeout_ms), detail = 'invalid_duration', column = 'timeout_ms';
  end if;
  if run_at is not null and not (run_at >= '1970-01-01Z' and run_at < '10000-01-01Z') then
    raise exception using errcode = 'TL400', message = format('run_at is %s; allowed: a time between the years 1970 and 9999', run_at), detail = 'invalid_run_at', column = 'run_at';
  end if;
  if payload is null then
    raise exception using errcode = 'TL400', message = 'payload is null; allowed: any jsonb value', detail = 'payload_not_json', column = 'payload', hint = 'Use ''null''::jsonb or leave it out.';
  end if;
  if octet_length(payload::text) > 1048576 then
    raise exception using errcode = 'TL413', message = format('payload has %s bytes; at most 1048576 are stored', octet_length(payload::text)), detail = 'payload_too_large', column = 'payload';
  end if;
  if jsonb_path_exists(payload, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
    raise exception using errcode = 'TL400', message = 'payload is nested deeper than 64 levels', detail = 'payload_too_deep', column = 'payload';
  end if;
  if jsonb_path_exists(payload, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))') then
    raise exception using errcode = 'TL400', message = 'payload has a number beyond ±9007199254740991, which loses digits in JSON', detail = 'payload_number_unsafe', column = 'payload', hint = 'Send it as a string.';
  end if;
  if mode is null then
    raise exception using errcode = 'TL400', message = format('unique_mode is %L; allowed: ignore, replace, debounce, throttle', left(unique_mode, 120)), detail = 'invalid_option', column = 'unique_mode';
  end if;
  if unique_key is null and (unique_window is not null or unique_max_wait is not null or mode <> 1) then
    raise exception using errcode = 'TL400', message = 'unique_mode, unique_window and unique_max_wait are given without unique_key', detail = 'invalid_option', column = 'unique_key';
  end if;
  if mode in (3, 4) and coalesce(window_ms, 0) <= 0 then
    raise exception using errcode = 'TL400', message = format('unique_window is %s; mode %s needs one above zero', coalesce(unique_window::text, 'missing'), unique_mode), detail = 'invalid_option', column = 'unique_window';
  end if;
  foreach text_ in array array[unique_key, idempotency_key] loop
    if length(text_) not between 1 and 500 then
      raise exception using errcode = 'TL400', message = format('a key has %s characters; allowed: 1 to 500', length(text_)), detail = 'invalid_option', column = case text_ when unique_key then 'unique_key' else 'idempotency_key' end;
    end if;
  end loop;
  if window_ms not between 0 and 315360000000 or wait_ms not between 1 and 315360000000 or idempotency_ms not between 1 and 315360000000 then
    raise exception using errcode = 'TL400', message = 'a window is negative or longer than ten years', detail = 'invalid_duration', column = 'unique_window';
  end if;
  if cardinality(tags) > 20 or exists (select from unnest(tags) x where x is null or length(x) not between 1 and 64) then
    raise exception using errcode = 'TL400', message = 'tags: at most 20 texts of 1 to 64 characters', detail = 'invalid_option', column = 'tags';
  end if;

  select x.id into q_id from trunkline.queue x where x.name = queue_name;
  if not found then
    insert into trunkline.queue(name) values (queue_name) on conflict (name) do update set name = excluded.name returning id into q_id;
  end if;
  return (trunkline.enqueue_keyed(q_id, t.id, -coalesce(priority, t.priority)::smallint, coalesce(max_attempts, t.max_attempts)::smallint, run_at, null,
    coalesce(timeout_ms, t.timeout_ms), 'sql:' || session_user, payload, nullif(tags, '{}'), null,
    unique_key, mode::smallint, window_ms, coalesce(wait_ms, 10 * window_ms), idempotency_key, idempotency_ms)).job_id;
end $f$;

-- Why a job is not running, or how it ended: one sentence for people, a code and its facts for programs.
create function trunkline.why(job bigint) returns jsonb language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $f$
#variable_conflict use_variable
declare
  v trunkline.jobs;
  o trunkline.outcome;
  s trunkline.scheduled;
  d trunkline.debounce;
  q trunkline.queue;
  w record;
  c record;
  a record;
  stale interval := interval '30 s';
  lane smallint;
  ahead bigint;
  slots bigint;
  busy bigint;
  servers int;
  able int;
  failed int;
  suspect boolean;
begin
  select x.* into v from trunkline.jobs x where x.id = job;
  if not found then
    return jsonb_build_object('jobId', job::text, 'state', null, 'reason', 'gone', 'sentence', format('There is no job %s: it was never made, or retention or somebody removed it.', job));
  end if;
  select count(*) into failed from trunkline.attempt x where x.id = job and x.kind = 1;

  select x.* into o from trunkline.outcome x where x.id = job;
  if found then
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', v.state, 'reason', coalesce(v.reason, 'completed'), 'since', o.finished_at,
      'workerId', o.worker_id::text, 'replacedBy', o.result ->> 'replacedBy', 'by', case when o.status = 4 then o.result ->> 'by' end,
      'sentence', case
        when o.status = 2 then format('It completed at %s, in attempt %s.', to_char(o.finished_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), v.attempt)
        when o.status = 5 then format('Job %s with the same key took its place before it started.', o.result ->> 'replacedBy')
        when o.status = 4 and o.started_at is null then format('It was cancelled%s before it started.', coalesce(' by ' || (o.result ->> 'by'), ''))
        when o.status = 4 then format('It was cancelled%s while it ran.', coalesce(' by ' || (o.result ->> 'by'), ''))
        when v.reason = 'fatal' then format('It failed for good in attempt %s, without another try: %s', v.attempt, coalesce(o.error ->> 'message', 'no message'))
        when v.reason = 'crash_limit' then format('It was stopped because its worker died %s times while it ran.', o.error ->> 'crashes')
        when v.reason = 'timeout' then format('Its last attempt, number %s, ran into its time limit.', v.attempt)
        when v.max_attempts = 1 then format('Its only attempt failed: %s', coalesce(o.error ->> 'message', 'no message'))
        else format('All %s attempts are used up; the last error: %s', v.max_attempts, coalesce(o.error ->> 'message', 'no message'))
      end));
  end if;

  select e.id, e.worker_id, e.at, e.ids, k.name, k.beat, k.state, job = any(k.running) or cardinality(e.ids) = 1 started, k.id is not null alive into w
    from trunkline.lease e left join trunkline.worker k on k.id = e.worker_id where e.ids @> array[job] limit 1;
  if found then
    select x.by_whom, x.at into c from trunkline.cancel_wanted x where x.id = job;
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'running',
      'reason', case when not w.alive or w.beat < now() - stale then 'worker_silent' when c.at is not null then 'cancelling' when w.started then 'running' else 'prefetched' end,
      'since', w.at, 'workerId', w.worker_id::text, 'leaseId', w.id::text,
      'sentence', case
        when not w.alive or w.beat < now() - stale then format('Worker %s holds it but has not been heard of since %s; its jobs are about to be taken over.', w.worker_id,
          coalesce(to_char(nullif(w.beat, '-infinity') at time zone 'UTC', 'HH24:MI:SS "UTC"'), 'it was given up'))
        when c.at is not null then format('It runs on worker %s (%s) and was asked to end by %s.', w.worker_id, w.name, coalesce(c.by_whom, 'somebody'))
        when w.started then format('It runs on worker %s (%s) since %s.', w.worker_id, w.name, to_char(w.at at time zone 'UTC', 'HH24:MI:SS "UTC"'))
        else format('Worker %s (%s) has fetched it together with others and starts it when a slot is free.', w.worker_id, w.name)
      end));
  end if;

  select x.* into d from trunkline.debounce x where x.id = job;
  if found then
    return jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'scheduled', 'cause', 'debounced', 'until', d.run_at, 'latest', d.last_at, 'calls', d.calls,
      'sentence', format('It is debounced by its key %s: it fires at %s unless another call comes, at %s at the latest.', to_json(d.key),
        to_char(d.run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), to_char(d.last_at at time zone 'UTC', 'HH24:MI:SS "UTC"')));
  end if;

  select x.* into s from trunkline.scheduled x where x.id = job;
  if found then
    select x.error ->> 'message' message into a from trunkline.attempt x where x.id = job order by x.attempt desc limit 1;
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', v.reason, 'until', s.run_at,
      'cause', case s.why when 1 then 'backoff' when 2 then 'snoozed' else 'run_at' end, 'failedTries', failed,
      'sentence', case
        when s.run_at <= now() then format('It was due at %s and is put in line by the keeper at its next look%s.', to_char(s.run_at at time zone 'UTC', 'HH24:MI:SS "UTC"'),
          case when exists (select from trunkline.leader l where l.name = 'keeper' and l.until > now()) then '' else '; but no keeper runs (start one: trunkline server)' end)
        when s.why = 1 then format('Attempt %s failed (%s); it is tried again at %s (%s of %s tries are used).', v.attempt, left(coalesce(a.message, 'no message'), 200),
          to_char(s.run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), failed, v.max_attempts)
        when s.why = 2 then format('Its handler asked to be run again at %s, or it was put back until then.', to_char(s.run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
        else format('It was asked for at %s.', to_char(s.run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
      end));
  end if;

  select x.* into q from trunkline.queue x where x.name = v.queue;
  if v.reason = 'paused' then
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'paused', 'since', q.paused_at, 'until', q.paused_until, 'by', q.paused_by, 'note', q.paused_reason,
      'sentence', format('Queue %s is paused%s%s%s.', v.queue, coalesce(' by ' || q.paused_by, ''), coalesce(': ' || q.paused_reason, ''),
        case when q.paused_until is null then ', until somebody resumes it' else format(', until %s', to_char(q.paused_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) end)));
  end if;

  select count(*), count(*) filter (where v.task = any(k.tasks)), sum(k.concurrency), sum(cardinality(k.running))
    into servers, able, slots, busy
    from trunkline.worker k where v.queue = any(k.queues) and k.beat > now() - stale and k.state <> 'stopping';
  lane := (select coalesce(m.priority, j.priority) from trunkline.job j left join trunkline.moved m on m.id = j.id where j.id = job);
  suspect := exists (select from trunkline.ready r where r.queue_id = q.id and r.priority = 32767 and r.ids @> array[job]);
  ahead := (select coalesce(sum(x.n), 0) from (
    select r.n from trunkline.ready r where r.queue_id = q.id and (r.priority < lane or (r.priority = lane and r.seq < job and not r.ids @> array[job])) order by r.priority, r.seq limit 1000) x);
  return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'due', 'since', v.run_at,
    'cause', case when servers = 0 then 'no_worker' when able = 0 then 'no_worker_for_task' when suspect then 'isolated' when busy >= slots then 'slots_busy' else 'its_turn' end,
    'ahead', ahead, 'workers', able, 'slots', slots, 'busy', busy,
    'sentence', case
      when servers = 0 then format('No live worker serves queue %s; start one: trunkline worker --queues %s', v.queue, v.queue)
      when able = 0 then format('%s live workers serve queue %s, but none of them has the task %s: deploy one that has it.', servers, v.queue, v.task)
      when suspect then 'It is suspected of killing its workers and waits to be run alone; a worker takes such a job about every fifth turn.'
      when busy >= slots then format('All %s slots of the %s workers of queue %s are busy; about %s jobs are before it.', slots, servers, v.queue, ahead)
      when ahead > 0 then format('It is in line: about %s jobs are before it in queue %s.', ahead, v.queue)
      else 'It is next in line and starts as soon as a worker asks.'
    end));
end $f$;
revoke all on function trunkline.enqueue, trunkline.why, trunkline.enqueue_keyed, trunkline.take_out from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'trunkline_producer') then
    grant execute on function trunkline.enqueue to trunkline_producer;
  end if;
end $$;
