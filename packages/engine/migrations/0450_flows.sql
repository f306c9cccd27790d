-- Flows: jobs that wait for jobs. An open dependency is a row that its parent's end closes, exactly once; a counter in `blocked`
-- says how many a child still waits for (docs/sql.md).
-- breaking: no

create table trunkline.flow (
  id bigint generated always as identity primary key,
  name text,
  created_at timestamptz not null default now(),
  created_by text
);

-- Which jobs belong to a flow, under which name.
create table trunkline.flow_job (
  id bigint primary key,
  flow_id bigint not null,
  node text
);
create index flow_job_flow on trunkline.flow_job (flow_id, id);
create unique index flow_job_node on trunkline.flow_job (flow_id, node) where node is not null;

-- policy, when the parent does not complete: 0 cancel the child, 1 run it anyway, 2 wait for the parent's retry.
create table trunkline.dependency (
  child bigint not null,
  parent bigint not null,
  policy smallint not null,
  open boolean not null default true,
  primary key (child, parent),
  check (parent <> child)
);
create index dependency_open on trunkline.dependency (parent) where open;
create index dependency_parent on trunkline.dependency (parent);

-- Jobs that wait for others. Changed in place, never taken out and put back: whoever closes a dependency counts down under its lock.
create table trunkline.blocked (
  id bigint primary key,
  queue_id int not null,
  priority smallint not null,
  run_at timestamptz,
  parents_left int not null
) with (fillfactor = 70);

-- Children of parents that existed before them. A parent that ends beside the child's transaction may not see the dependency, so
-- the child looks itself: at once, and again when every transaction that ran beside its commit has ended (stamp).
create table trunkline.late (
  seq bigint generated always as identity primary key,
  stamp xid8,
  parent bigint not null,
  child bigint not null
);

do $$
begin
  execute (select string_agg(format('alter table trunkline.%I set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)', t), ';')
    from unnest(array['blocked', 'late']) t);
end $$;

-- Closes the open dependencies of parents that have ended: frees children, or cancels them where that was asked for, and theirs.
-- Answers how many children it moved. May be repeated. Each step looks with a fresh snapshot, after the xid was assigned: a single
-- statement would look with eyes older than the lock it waits for.
create function trunkline.settle(parents bigint[]) returns int language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off set jit = off
set enable_nestloop = on as $f$
declare
  good bigint[];
  bad bigint[];
  next bigint[];
  level int := 0;
  n int;
  moved int := 0;
begin
  select array_agg(o.id order by o.id) filter (where o.status = 2), array_agg(o.id order by o.id) filter (where o.status <> 2)
    into good, bad from trunkline.outcome o where o.id = any(parents);
  loop
    with e as (update trunkline.dependency d set open = false
        where d.open and d.parent = any(good || bad) and (d.policy = 1 or d.parent = any(good)) returning d.child),
      c as materialized (select child, count(*)::int n from e group by child),
      k as materialized (
        select b.id, b.parents_left, c.n from c join trunkline.blocked b on b.id = c.child where b.id = any(array(select child from c))
        order by b.id for update of b),
      u as (update trunkline.blocked b set parents_left = b.parents_left - k.n from k
        where b.id = k.id and b.id = any(array(select id from k where parents_left > k.n)) and k.parents_left > k.n),
      p as (delete from trunkline.blocked b where b.id = any(array(select id from k where parents_left <= k.n)) returning b.*),
      sc as (insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt)
        select id, run_at, queue_id, priority, 0 from p where run_at > now()),
      rd as (insert into trunkline.ready(queue_id, priority, seq, n, ids)
        select queue_id, priority, nextval('trunkline.id'), count(*), array_agg(id order by id)
        from (select *, (row_number() over (partition by queue_id, priority order by id) - 1) / 100 b from p where coalesce(run_at <= now(), true)) z
        group by queue_id, priority, b returning queue_id),
      fd as (insert into trunkline.feed(xid, no, kind, body)
        select pg_current_xact_id(), nextval('trunkline.feed_no'), 'promoted', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
        from p having count(*) > 0)
    select count(*), (select pg_notify('trunkline', 'w') where (select bool_or(i.waiting) from trunkline.idle i where i.queue_id = any(array(select queue_id from rd))))
      into n from p;
    moved := moved + n;
    exit when bad is null;

    with e as (update trunkline.dependency d set open = false where d.open and d.parent = any(bad) and d.policy = 0 returning d.child, d.parent),
      c as materialized (select child, min(parent) parent from e group by child),
      k as materialized (
        select b.id, c.parent from c join trunkline.blocked b on b.id = c.child where b.id = any(array(select child from c)) order by b.id for update of b),
      x as (delete from trunkline.blocked b where b.id = any(array(select id from k)) returning b.id, b.queue_id),
      o as (insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at, result, error)
        select x.id, 4, 0, x.queue_id, j.task_id, now(), jsonb_build_object('by', 'flow', 'parent', k.parent::text),
          jsonb_build_object('code', 'parent_failed', 'parent', k.parent::text,
            'message', format('job %s, which it depends on, %s', k.parent, case (select status from trunkline.outcome where id = k.parent) when 3 then 'failed' else 'was cancelled' end))
        from x join k on k.id = x.id, lateral (select task_id from trunkline.job where id = x.id offset 0) j returning id, queue_id, task_id),
      w as (delete from trunkline.cancel_wanted where id = any(array(select id from o))),
      sd as (insert into trunkline.stat_delta select date_trunc('minute', now()), queue_id, task_id, 4, count(*), 0 from o group by 2, 3),
      fd as (insert into trunkline.feed(xid, no, kind, body)
        select pg_current_xact_id(), nextval('trunkline.feed_no'), 'cancelled', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
        from o having count(*) > 0)
    select array_agg(id order by id) into next from o;
    exit when next is null;
    moved := moved + cardinality(next);
    level := level + 1;
    if level = 1000 then
      -- a chain without end in one transaction would hold its locks for long: the keeper goes on
      insert into trunkline.late(parent, child) select d.parent, d.child from trunkline.dependency d where d.open and d.parent = any(next);
      exit;
    end if;
    good := null;
    bad := next;
  end loop;
  return moved;
end $f$;

-- Looks for parents that have ended beside the transactions of their children. Answers how many children it moved.
create function trunkline.settle_late() returns int language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $f$
declare
  parents bigint[];
  moved int := 0;
begin
  if not exists (select from trunkline.late) then return 0; end if;
  with c as materialized (
      select l.seq from trunkline.late l
      where l.stamp <= pg_snapshot_xmin(pg_current_snapshot()) or exists (select from trunkline.outcome o where o.id = l.parent)
      order by l.seq limit 1000 for update skip locked),
    d as (delete from trunkline.late l where l.seq = any(array(select seq from c)) returning l.parent)
  select array_agg(distinct d.parent order by d.parent) into parents from d;
  if parents is not null then moved := trunkline.settle(parents); end if;
  update trunkline.late set stamp = pg_snapshot_xmax(pg_current_snapshot()) where stamp is null;
  return moved;
end $f$;

-- Whatever ends a job frees those that wait for it, in the same statement. Jobs for which nobody waits pay one look at an index.
create function trunkline.settle_ended() returns trigger language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $f$
begin
  -- within a cascade the loop of settle goes on itself
  if pg_trigger_depth() > 1 then return null; end if;
  if exists (select from trunkline.dependency d where d.open and d.parent = any(array(select e.id from ended e))) then
    perform trunkline.settle(array(select e.id from ended e));
  end if;
  return null;
end $f$;
revoke execute on function trunkline.settle(bigint[]), trunkline.settle_late(), trunkline.settle_ended() from public;
create trigger settle_ended after insert on trunkline.outcome referencing new table as ended
  for each statement execute function trunkline.settle_ended();

-- As before, and blocked jobs.
create or replace function trunkline.take_out(wanted bigint[], only_timed boolean default false)
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
    -- those that wait for others stay where they are, locked: who closes a dependency counts down there
    for r in
      select b.id, b.queue_id, b.priority lane, b.run_at, j.task_id, coalesce(m.priority, j.priority) own
      from trunkline.blocked b join trunkline.job j on j.id = b.id left join trunkline.moved m on m.id = b.id
      where b.id = any(left_) order by b.id for update of b
    loop
      id := r.id; place := 'blocked'; task_id := r.task_id; queue_id := r.queue_id; lane := r.lane; own_lane := r.own;
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

-- As before, with the state blocked, where a job came from, its flow and what it depends on.
create or replace view trunkline.jobs as
select j.id, t.name as task, q.name as queue,
  case when o.id is not null then case o.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end
    when l.id is not null then 'running' when b.id is not null then 'blocked' else 'pending' end as state,
  case when o.id is not null then case o.status when 2 then null when 3 then coalesce(o.error ->> 'reason', 'attempts_used') when 5 then 'replaced' else 'cancelled' end
    when l.id is not null or b.id is not null then null
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
  coalesce(s.run_at, b.run_at, j.run_at, j.created_at) as run_at,
  coalesce(o.started_at, l.at) as started_at,
  o.finished_at,
  (extract(epoch from coalesce(o.started_at, l.at) - coalesce(j.run_at, j.created_at)) * 1000)::bigint as wait_ms,
  (extract(epoch from coalesce(o.finished_at, case when l.id is not null then now() end) - coalesce(o.started_at, l.at)) * 1000)::bigint as duration_ms,
  coalesce(o.worker_id, l.worker_id) as worker_id,
  l.id as lease_id,
  coalesce(o.error, case when o.id is null then (select a.error from trunkline.attempt a where a.id = j.id order by a.attempt desc limit 1) end) as error,
  p.outcome as outcome,
  j.timeout_ms, j.payload, o.result, x.schedule_id, x.template_id,
  (select f.flow_id from trunkline.flow_job f where f.id = j.id) as flow_id,
  array(select d.parent from trunkline.dependency d where d.child = j.id order by d.parent) as depends_on
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
left join trunkline.blocked b on b.id = j.id and o.id is null
left join trunkline.progress p on p.job_id = j.id
left join trunkline.origin x on x.job_id = j.id
where not exists (select from trunkline.hidden h where h.id = j.id)
union all
-- debounced: the job is accepted, but its payload may still be replaced
select d.id, t.name, q.name, 'pending', 'scheduled', (-d.priority)::int, 0, d.max_attempts::int, null, null, null, null, null,
  coalesce(d.tags, '{}'), d.key, null, d.created_at, d.created_by, d.run_at, null, null, null, null, null, null, null, null,
  d.timeout_ms, d.payload, null, x.schedule_id, x.template_id, null, '{}'::bigint[]
from trunkline.debounce d
join trunkline.task t on t.id = d.task_id
join trunkline.queue q on q.id = d.queue_id
left join trunkline.origin x on x.job_id = d.id;

-- As before, and what a blocked job waits for.
create or replace function trunkline.why_of_job(job bigint) returns jsonb language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $f$
#variable_conflict use_variable
declare
  v trunkline.jobs;
  o trunkline.outcome;
  s trunkline.scheduled;
  d trunkline.debounce;
  b trunkline.blocked;
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
        when o.status = 4 and o.error ->> 'code' = 'parent_failed' then format('It was cancelled before it started, because %s.', o.error ->> 'message')
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

  select x.* into b from trunkline.blocked x where x.id = job;
  if found then
    select count(*) n, min(x.parent) first into c from (select y.parent from trunkline.dependency y where y.child = job and y.open order by y.parent limit 1000) x;
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'blocked', 'reason', 'blocked', 'since', v.created_at, 'open', b.parents_left, 'flowId', v.flow_id::text,
      'waitsFor', (select jsonb_agg(jsonb_build_object('jobId', x.id::text, 'task', x.task, 'state', x.state) order by x.id) from (
        select p.id, p.task, p.state from trunkline.dependency y join trunkline.jobs p on p.id = y.parent where y.child = job and y.open order by y.parent limit 20) x),
      'sentence', case
        when c.n = 0 then 'Everything it waits for has ended; it stands in line in a moment.'
        when c.n = 1 then format('It waits for job %s%s.', c.first, (select format(' (%s), which %s', p.task, case p.state when 'running' then 'runs' when 'failed' then 'failed: it waits for that one''s retry'
          when 'cancelled' then 'was cancelled: it waits for that one''s retry' when 'blocked' then 'waits for others itself' when 'completed' then 'has completed' else 'has not begun' end)
          from trunkline.jobs p where p.id = c.first))
        else format('It waits for %s%s jobs, the first of them %s.', case when c.n = 1000 then 'more than ' else '' end, c.n, c.first)
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
