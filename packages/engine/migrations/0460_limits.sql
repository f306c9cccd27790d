-- Limits: how many jobs of a queue or of a key run at once, in which order, and how many start in so much time (docs/sql.md).
-- A job that names a key is in an entry lane (its own lane + 1000, in job, moved, scheduled, blocked, debounce and ready) until a claim has
-- looked at its gates: so every verb that puts a job in line asks its gates again, without knowing of them. Workers of before claim such
-- jobs like any other: limits hold once all workers are of this version.
-- breaking: no

lock table trunkline.task, trunkline.queue, trunkline.job in access exclusive mode;

-- limited: what is claimed of it is claimed by claim_limited.
alter table trunkline.queue add column limited boolean not null default false;
-- {ordering key, concurrency key, rate key}: the kinds of gates, in the order in which they are passed
alter table trunkline.job add column gate_keys text[];
alter table trunkline.debounce add column gate_keys text[];
alter table trunkline.lease add column queue_id int;

-- What somebody has set for a queue; null = no limit. Also the row that is locked by who lets jobs in.
-- rate: so many starts in rate_ms; burst: so many at once after a pause. tokens: as of filled_at, by the clock of the database.
create table trunkline.queue_limit (
  queue_id int primary key,
  concurrency int check (concurrency >= 1),
  rate int check (rate >= 1),
  rate_ms bigint check (rate_ms >= 1),
  burst int check (burst >= 1),
  key_concurrency int check (key_concurrency >= 1),
  key_rate int check (key_rate >= 1),
  key_rate_ms bigint check (key_rate_ms >= 1),
  key_burst int check (key_burst >= 1),
  tokens float8,
  filled_at timestamptz,
  check ((rate is null) = (rate_ms is null) and (rate is null) = (burst is null)),
  check ((key_rate is null) = (key_rate_ms is null) and (key_rate is null) = (key_burst is null))
) with (fillfactor = 50);

-- One key of one queue: the row that is locked by who opens it. kind: 1 ordering, 2 concurrency, 3 rate. head: nothing is held at or below
-- this rank, so that dead index entries under an old snapshot are not walked again. due: when a token is there and somebody is held.
create table trunkline.gate (
  id bigint generated always as identity primary key,
  queue_id int not null,
  kind smallint not null,
  key text not null,
  made_at timestamptz not null default now(),
  head bigint not null default 4611686018427387904,
  tokens float8,
  filled_at timestamptz,
  due timestamptz,
  unique (queue_id, kind, key)
) with (fillfactor = 50);
create index gate_due on trunkline.gate (queue_id, due) where due is not null;

-- Jobs that wait at a gate. rank: the job's number where order is kept, else priority before number. more: it has gates behind this one.
create table trunkline.held (
  queue_id int not null,
  gate_id bigint not null,
  rank bigint not null,
  id bigint not null unique,
  priority smallint not null,
  attempt smallint not null,
  more boolean not null,
  at timestamptz not null default now(),
  primary key (queue_id, gate_id, rank)
);

-- Who has passed a gate. It belongs to the job, not to its worker: what puts the job back in line (a crash, a hand-back) leaves it.
create table trunkline.permit (
  job_id bigint not null,
  kind smallint not null,
  queue_id int not null,
  gate_id bigint not null,
  primary key (job_id, kind)
);
create index permit_gate on trunkline.permit (gate_id);

-- Gates at which something has come free. Whoever ends a job locks no gate: the next claim of the queue looks.
create table trunkline.knock (
  queue_id int not null,
  seq bigint generated always as identity,
  gates bigint[] not null,
  primary key (queue_id, seq)
);

do $$
begin
  execute (select string_agg(format('alter table trunkline.%I set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)', t), ';')
    from unnest(array['held', 'permit', 'knock', 'gate']) t);
end $$;

-- As before, and whether the queue has limits, or jobs with gates to pass.
alter function trunkline.lanes rename to lanes_0110;
create function trunkline.lanes(queue int) returns table (lanes int2[], limited boolean)
language sql stable
set enable_sort = off set enable_bitmapscan = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $function$
with recursive lane(p) as (
  (select priority from trunkline.ready where queue_id = $1 order by priority limit 1)
  union all
  select (select r.priority from trunkline.ready r where r.queue_id = $1 and r.priority > lane.p order by r.priority limit 1)
  from lane where lane.p is not null)
select (select array_agg(p order by p) from lane where p is not null) lanes,
  exists (select from trunkline.queue where id = $1 and limited) or exists (select from trunkline.gate where queue_id = $1) limited
$function$;

-- Looks whether there are tokens in a bucket: how many, as of now.
create function trunkline.tokens_now(tokens float8, filled_at timestamptz, burst int, rate int, rate_ms bigint) returns float8 language sql volatile as $f$
  select least($3, coalesce($1, $3) + greatest(0, extract(epoch from clock_timestamp() - coalesce($2, clock_timestamp()))) * 1000 * $4 / $5)::float8
$f$;

-- Lets in what stands in the entry lanes, and opens gates at which something has come free: the only place that opens them. Answers how
-- many jobs it put in line. It locks all gates of the call in the order of their numbers before it changes one, and looks with a younger
-- snapshot than its locks. Chunks enter by their numbers, one claim at a time, so that nobody overtakes at a gate that keeps order: where
-- a chunk is locked by an open transaction (a cancellation), nothing enters until that has ended.
create function trunkline.enter(queue int, most int) returns int language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off set jit = off as $f$
#variable_conflict use_column
declare
  l trunkline.queue_limit;
  entry smallint[] := array(select u from unnest(coalesce((select lanes from trunkline.lanes(queue)), '{}')) u where u between 900 and 1100);
  ids bigint[] := '{}';
  lanes smallint[] := '{}';
  attempts smallint[] := '{}';
  more_ids bigint[];
  more_lanes smallint[];
  more_attempts smallint[];
  bound bigint;
  top bigint;
  g bigint[];
  n int := 0;
  admitted int;
begin
  if entry <> '{}' then
    if not exists (select from trunkline.queue_limit x where x.queue_id = queue) then
      insert into trunkline.queue_limit(queue_id) values (queue) on conflict do nothing;
    end if;
    perform from trunkline.queue_limit x where x.queue_id = queue for update skip locked;
    if found then
      begin
        select max(x.upto) into bound from (
          select greatest(r.seq, (select max(u) from unnest(r.ids) u)) upto from unnest(entry) e(p), lateral (
            select seq, ids from trunkline.ready where queue_id = queue and priority = e.p order by seq limit most) r order by r.seq limit most) x;
        loop
          with c as materialized (
              select r.priority, r.seq from unnest(entry) e(p), lateral (
                select priority, seq from trunkline.ready where queue_id = queue and priority = e.p and seq <= bound order by seq for update nowait) r),
            d as (delete from trunkline.ready r using c
              where r.queue_id = queue and r.priority = any(array(select priority from c)) and r.seq = any(array(select seq from c))
                and r.priority = c.priority and r.seq = c.seq
              returning r.seq, r.priority, r.attempt, r.ids)
          select array_agg(u.id order by d.seq, u.o), array_agg(d.priority order by d.seq, u.o), array_agg(d.attempt order by d.seq, u.o)
            into more_ids, more_lanes, more_attempts from d, unnest(d.ids) with ordinality u(id, o);
          exit when more_ids is null;
          ids := ids || more_ids;
          lanes := lanes || more_lanes;
          attempts := attempts || more_attempts;
          -- the ids of a chunk may reach beyond the number of another: what was made together enters together
          top := (select max(u) from unnest(more_ids) u);
          exit when bound >= top;
          bound := top;
        end loop;
      exception when lock_not_available then
        ids := '{}';
      end;
    end if;
  end if;

  with k as materialized (select seq from trunkline.knock where queue_id = queue order by seq limit 5 * most for update skip locked),
    d as (delete from trunkline.knock where queue_id = queue and seq = any(array(select seq from k)) returning gates)
  select array_agg(distinct u) into g from d, unnest(d.gates) u;
  if ids = '{}' and g is null then return 0; end if;
  select x.* into l from trunkline.queue_limit x where x.queue_id = queue;

  if ids <> '{}' then
    -- what it has of a queue that it was moved from is of no use here
    if exists (select from trunkline.permit p where p.job_id = any(ids) and p.queue_id <> queue) then
      with p as (delete from trunkline.permit p where p.job_id = any(ids) and p.queue_id <> queue returning p.queue_id, p.gate_id)
      insert into trunkline.knock(queue_id, gates) select p.queue_id, array_agg(distinct p.gate_id) from p group by p.queue_id;
    end if;
    insert into trunkline.gate(queue_id, kind, key)
      select queue, w.kind, w.key from (
        select distinct k.kind::int2 kind, k.key from trunkline.job j, unnest(j.gate_keys) with ordinality k(key, kind) where j.id = any(ids) and k.key is not null) w
      where (select t.id from trunkline.gate t where t.queue_id = queue and t.kind = w.kind and t.key = w.key offset 0) is null
      order by w.kind, w.key on conflict do nothing;
    -- the first gate of each that it has not passed; none: it stands in line
    with w as materialized (
        select e.id, (select t.id from unnest(j.gate_keys) with ordinality k(key, kind),
            lateral (select id from trunkline.gate where queue_id = queue and kind = k.kind::int2 and key = k.key offset 0) t
          where k.key is not null and case k.kind when 3 then l.key_rate is not null
            else not exists (select from trunkline.permit p where p.job_id = e.id and p.kind = k.kind) end
          order by k.kind limit 1) gate
        from unnest(ids) e(id) join trunkline.job j on j.id = e.id)
    select g || array_agg(distinct w.gate) into g from w where w.gate is not null;
  end if;

  perform from trunkline.gate t where t.id = any(g) order by t.id for update;

  if ids <> '{}' then
    with w as materialized (
        select e.id, e.lane, e.attempt, e.o, m.gate, m.kind, m.missing, coalesce(m.kind < array_length(j.gate_keys, 1) and exists (
          select from unnest(j.gate_keys[m.kind + 1:]) k where k is not null), false) more
        from unnest(ids, lanes, attempts) with ordinality e(id, lane, attempt, o) join trunkline.job j on j.id = e.id left join lateral (
          select t.id gate, k.kind, true missing from unnest(j.gate_keys) with ordinality k(key, kind)
            left join lateral (select id from trunkline.gate where queue_id = queue and kind = k.kind::int2 and key = k.key and id = any(g) offset 0) t on true
          where k.key is not null and case k.kind when 3 then l.key_rate is not null
            else not exists (select from trunkline.permit p where p.job_id = e.id and p.kind = k.kind) end
          order by k.kind limit 1) m on true),
      h as (insert into trunkline.held(queue_id, gate_id, rank, id, priority, attempt, more)
        select queue, w.gate, case w.kind when 1 then w.id else ((w.lane - 1000)::bigint << 47) + w.id end, w.id, w.lane, w.attempt, w.more
        from w where w.gate is not null returning gate_id, rank),
      lo as materialized (select h.gate_id, min(h.rank) lo from h group by 1),
      u as (update trunkline.gate t set head = least(t.head, lo.lo - 1), due = case when t.kind = 3 then coalesce(t.due, clock_timestamp()) end
        from lo, lateral (select ctid row from trunkline.gate where id = lo.gate_id offset 0) y where t.ctid = y.row and (t.head >= lo.lo or t.kind = 3 and t.due is null)),
      -- one whose gate was forgotten beside us asks again
      r as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
        select queue, z.to_lane, nextval('trunkline.id'), z.attempt, count(*), array_agg(z.id order by z.o)
        from (select *, (row_number() over (partition by to_lane, attempt order by o) - 1) / 100 b
          from (select w.id, w.attempt, w.o, (case when w.missing then w.lane else w.lane - 1000 end)::int2 to_lane from w where w.gate is null) y) z
        group by z.to_lane, z.attempt, z.b)
    select count(*) filter (where w.missing is null) into n from w;
  end if;

  with f as materialized (
      select t.id, t.kind, t.head, least(1000, case t.kind when 1 then 1 else coalesce(l.key_concurrency, 1000000) end
        - (select count(*) from trunkline.permit p where p.gate_id = t.id)) free
      from trunkline.gate t where t.id = any(g) and t.kind < 3),
    p as materialized (
      select h.id, h.rank, h.gate_id, f.kind, f.head from f, lateral (
        select id, rank, gate_id from trunkline.held where queue_id = queue and gate_id = f.id and rank > f.head
        order by rank limit greatest(0, f.free) for update skip locked) h),
    d as (delete from trunkline.held h where h.id = any(array(select id from p)) returning h.id, h.gate_id, h.rank, h.priority, h.attempt, h.more),
    -- unless a row was skipped because somebody has locked it
    hd as (update trunkline.gate t set head = m.top
      from (select gate_id, max(rank) top, min(head) head, count(*) n from p group by 1) m, lateral (select ctid row from trunkline.gate where id = m.gate_id offset 0) y
      where t.ctid = y.row and m.top - m.head > 256
        and m.n = (select count(*) from trunkline.held h where h.queue_id = queue and h.gate_id = m.gate_id and h.rank > m.head and h.rank <= m.top)),
    s as (insert into trunkline.permit(job_id, kind, queue_id, gate_id) select d.id, (select t.kind from trunkline.gate t where t.id = d.gate_id), queue, d.gate_id from d),
    -- a gate that may give more than one call takes is asked again
    k as (insert into trunkline.knock(queue_id, gates) select queue, array_agg(x.gate_id) from (
      select gate_id from p group by 1 having count(*) >= 1000) x having count(*) > 0),
    r as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
      select queue, z.to_lane, nextval('trunkline.id'), z.attempt, count(*), array_agg(z.id order by z.rank)
      from (select *, (row_number() over (partition by to_lane, attempt order by rank) - 1) / 100 b
        from (select d.id, d.rank, d.attempt, (case when d.more then d.priority else d.priority - 1000 end)::int2 to_lane from d) y) z
      group by z.to_lane, z.attempt, z.b)
  select count(*) into admitted from d;
  return n + admitted;
end $f$;

-- The claim of a queue with limits or gates. As trunkline.claim; when it gives nothing though something waits for a limit, its only row
-- says in payload after how many ms it is worth to ask again: {"w": 250}. free: jobs that could begin at once; tokens are spent on no more.
-- Lock order: worker, queue_limit, chunks, gates by number, held. Who ends a job takes none of them.
create function trunkline.claim_limited(queue int, wanted int, free int, lanes int2[], hints int8[], chunks int, worker int, backwards boolean)
returns table (id bigint, task_id int, timeout_ms bigint, payload text) language plpgsql volatile
set enable_sort = off set enable_bitmapscan = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $f$
#variable_conflict use_column
declare
  l trunkline.queue_limit;
  room int := wanted;
  tokens float8;
  line smallint[];
  g bigint[];
  header text;
  lease_id bigint;
  got int := 0;
  entered int := 0;
  again int;
begin
  perform set_config('synchronous_commit', 'on', true);
  perform from trunkline.worker w where w.id = worker for key share;
  if not found or exists (select from trunkline.queue q where q.id = queue and q.paused_at is not null and (q.paused_until is null or q.paused_until > now())) then
    return;
  end if;

  -- the queue's own limits: first a look without a lock, so that who would get nothing waits for nobody; then one with it
  for turn in 1..2 loop
    if turn = 1 then select x.* into l from trunkline.queue_limit x where x.queue_id = queue;
    else select x.* into l from trunkline.queue_limit x where x.queue_id = queue for update; end if;
    exit when l.concurrency is null and l.rate is null;
    room := wanted;
    again := null;
    if l.concurrency is not null then
      room := least(room, l.concurrency - coalesce((select sum(cardinality(e.ids)) from trunkline.lease e where e.queue_id = queue), 0)::int);
      if room <= 0 then again := 100; end if;
    end if;
    if l.rate is not null then
      tokens := trunkline.tokens_now(l.tokens, l.filled_at, l.burst, l.rate, l.rate_ms);
      room := least(room, free, floor(tokens)::int);
      if tokens < 1 then again := greatest(coalesce(again, 1), ceil((1 - tokens) * l.rate_ms / l.rate)::int); end if;
    end if;
    if room <= 0 then
      if again is not null then return query select null::bigint, null::int, null::bigint, json_build_object('w', again)::text; end if;
      return;
    end if;
  end loop;

  -- crash suspects have passed their gates before
  if lanes <> array[32767::int2] then
    entered := trunkline.enter(queue, 10);
    line := array(select u from unnest(coalesce((select x.lanes from trunkline.lanes(queue) x), '{}')) with ordinality z(u, o) where u < 900
      order by case when backwards then -o else o end);

    -- of keys with a rate: a token is taken when the job starts, so that none pile up while workers are away
    if least(room, free) > 0 and exists (select from trunkline.gate t where t.queue_id = queue and t.due <= clock_timestamp()) then
      g := array(select x.id from (
        select t.id from trunkline.gate t where t.queue_id = queue and t.due <= clock_timestamp() order by t.due limit least(room, free, 200) for update skip locked) x);
      -- read after the lock: a limit that was changed since the look above has made the gate due, and the old one would close it again
      select x.* into l from trunkline.queue_limit x where x.queue_id = queue;
      with f as materialized (
          select t.id, case when l.key_rate is null then 1e6 else trunkline.tokens_now(t.tokens, t.filled_at, l.key_burst, l.key_rate, l.key_rate_ms) end tok, clock_timestamp() at
          from trunkline.gate t where t.id = any(g)),
        c as materialized (
          select f.id gate, h.id, h.rank, h.priority, h.attempt, h.o from f, lateral (
            select x.*, row_number() over (order by x.rank) o from (
              select id, rank, priority, attempt from trunkline.held where queue_id = queue and gate_id = f.id
              order by rank limit least(floor(f.tok)::int, room, free) for update skip locked) x) h
          -- better lanes that are in line go first
          where backwards or line = '{}' or h.priority - 1000 <= line[1]),
        p as materialized (select * from c order by c.priority, c.o, c.gate limit least(room, free)),
        d as (delete from trunkline.held h where h.id = any(array(select id from p)) returning h.id, h.gate_id, h.rank, h.priority, h.attempt),
        n as materialized (select gate_id, count(*)::int n from d group by 1),
        u as (update trunkline.gate t set tokens = f.tok - coalesce(n.n, 0), filled_at = f.at,
            due = case when exists (select from trunkline.held h where h.queue_id = queue and h.gate_id = t.id and h.id <> all(array(select id from p)))
              then case when f.tok - coalesce(n.n, 0) >= 1 or l.key_rate is null then f.at
                else f.at + (1 - (f.tok - coalesce(n.n, 0))) * l.key_rate_ms / l.key_rate * interval '1 ms' end end
          from f left join n on n.gate_id = f.id where t.id = any(g) and t.id = f.id),
        e as (insert into trunkline.lease(worker_id, queue_id, ids, attempts)
          select worker, queue, array_agg(d.id order by d.priority, d.rank), array_agg(d.attempt order by d.priority, d.rank) from d having count(*) > 0 returning id)
      select (select e.id from e), count(*)::int, json_build_object('i', array_agg(d.id order by d.priority, d.rank),
          'a', case when bool_or(d.attempt <> 0) then array_agg(d.attempt order by d.priority, d.rank) end,
          'p', array_agg(d.priority - 1000 order by d.priority, d.rank), 'n', 1, 'h', '[]'::json)::text
        into lease_id, got, header from d;
      if got > 0 then
        return query select lease_id, null::int, null::bigint, header
          union all select j.id, j.task_id, j.timeout_ms, j.payload::text from trunkline.job j
          where j.id = any(array(select u::bigint from json_array_elements_text(header::json -> 'i') u));
      end if;
    end if;
  else
    line := lanes;
  end if;

  if got = 0 and line <> '{}' then
    return query select * from trunkline.claim(queue, room, line,
      array(select coalesce(hints[array_position(lanes, u)], 0) from unnest(line) with ordinality z(u, o) order by o), chunks, worker, true);
    get diagnostics got = row_count;
    got := greatest(0, got - 1);
  end if;

  if got > 0 then
    if l.rate is not null then
      update trunkline.queue_limit x set tokens = tokens_now - got, filled_at = clock_timestamp()
        from (select trunkline.tokens_now(l.tokens, l.filled_at, l.burst, l.rate, l.rate_ms) tokens_now) t where x.queue_id = queue;
    end if;
    -- more came in than this worker takes
    if entered > got and (select bool_or(i.waiting) from trunkline.idle i where i.queue_id = queue) then perform pg_notify('trunkline', 'w'); end if;
    return;
  end if;

  if exists (select from trunkline.knock k where k.queue_id = queue) or exists (select from trunkline.ready r where r.queue_id = queue and r.priority between 900 and 1100) then
    -- another claim is letting them in, or they have passed one gate and come to the next
    again := 5;
  else
    again := (select greatest(1, ceil(extract(epoch from t.due - clock_timestamp()) * 1000))::int from trunkline.gate t where t.queue_id = queue and t.due is not null order by t.due limit 1);
  end if;
  if again is not null then return query select null::bigint, null::int, null::bigint, json_build_object('w', again)::text; end if;
end $f$;

-- Whatever ends a job frees those that wait for it, and what it had at gates, in the same statement. Jobs for which nobody waits pay a look
-- at an index each. No gate is locked: the next claim of the queue looks.
create or replace function trunkline.settle_ended() returns trigger language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $f$
declare
  ids bigint[];
  woken text;
begin
  -- within a cascade the loop of settle goes on itself
  if pg_trigger_depth() > 1 then return null; end if;
  ids := array(select e.id from ended e);
  if exists (select from trunkline.dependency d where d.open and d.parent = any(ids)) then
    perform trunkline.settle(ids);
  end if;
  if exists (select from trunkline.permit p where p.job_id = any(ids)) then
    with p as (delete from trunkline.permit p where p.job_id = any(ids) returning p.queue_id, p.gate_id),
      k as (insert into trunkline.knock(queue_id, gates) select p.queue_id, array_agg(distinct p.gate_id) from p group by p.queue_id returning queue_id)
    select pg_notify('trunkline', 'w') into woken where (select bool_or(i.waiting) from trunkline.idle i where i.queue_id = any(array(select queue_id from k)));
  end if;
  return null;
end $f$;

-- What a keeper looks after: what jobs that have ended still have, gates at which somebody waits though nobody has them, keys that
-- nobody has used for an hour. A function, because a gate may only be judged with a younger snapshot than its lock.
create function trunkline.sweep_gates(most int) returns table (freed int, knocked int, forgotten int) language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $f$
declare
  g bigint[];
begin
  with p as (delete from trunkline.permit p where exists (select from trunkline.outcome o where o.id = p.job_id) returning p.queue_id, p.gate_id),
    k as (insert into trunkline.knock(queue_id, gates) select p.queue_id, array_agg(distinct p.gate_id) from p group by 1)
  select count(*)::int into freed from p;
  with s as materialized (
      select t.queue_id, t.id from trunkline.gate t
      where t.kind < 3 and exists (select from trunkline.held h where h.queue_id = t.queue_id and h.gate_id = t.id)
        and (select count(*) from trunkline.permit p where p.gate_id = t.id)
          < case t.kind when 1 then 1 else coalesce((select l.key_concurrency from trunkline.queue_limit l where l.queue_id = t.queue_id), 2147483647) end),
    k as (insert into trunkline.knock(queue_id, gates) select s.queue_id, array_agg(s.id) from s group by 1),
    u as (update trunkline.gate t set due = now() where t.id = any(array(
      select x.id from trunkline.gate x where x.kind = 3 and x.due is null and exists (select from trunkline.held h where h.queue_id = x.queue_id and h.gate_id = x.id)
      order by x.id for update skip locked)))
  select count(*)::int into knocked from s;
  g := array(select x.id from (
    select t.id from trunkline.gate t where t.made_at < now() - interval '1 hour'
      -- a bucket that is not full remembers who came before
      and t.due is null and (t.tokens is null or not exists (select from trunkline.queue_limit l where l.queue_id = t.queue_id
        and trunkline.tokens_now(t.tokens, t.filled_at, l.key_burst, l.key_rate, l.key_rate_ms) < l.key_burst))
      and not exists (select from trunkline.held h where h.queue_id = t.queue_id and h.gate_id = t.id)
      and not exists (select from trunkline.permit p where p.gate_id = t.id)
    order by t.id limit most for update skip locked) x);
  with d as (delete from trunkline.gate t where t.id = any(g)
      and not exists (select from trunkline.held h where h.queue_id = t.queue_id and h.gate_id = t.id)
      and not exists (select from trunkline.permit p where p.gate_id = t.id) returning 1)
  select count(*)::int into forgotten from d;
  return next;
end $f$;

-- As before, and jobs that are held at a gate.
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
        j as (insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, created_at, run_at, timeout_ms, created_by, payload, tags, key, gate_keys)
          select d.id, d.queue_id, d.task_id, d.priority, d.max_attempts, d.created_at, d.run_at, d.timeout_ms, d.created_by, d.payload, d.tags, d.key, d.gate_keys from d)
      select d.* from d
    loop
      id := r.id; place := 'debounce'; task_id := r.task_id; queue_id := r.queue_id; lane := r.priority; own_lane := r.priority;
      attempt := 0; run_at := r.run_at; why := 0; worker_id := null;
      left_ := array_remove(left_, r.id);
      return next;
    end loop;
    -- those that are held at a gate come back to it, if they do, like any other: through the entry lane
    for r in
      with d as (delete from trunkline.held h where h.id = any(left_) and not only_timed returning h.*)
      select d.id, d.queue_id, d.attempt, j.task_id, coalesce(m.priority, j.priority) own
      from d join trunkline.job j on j.id = d.id left join trunkline.moved m on m.id = d.id
    loop
      id := r.id; place := 'ready'; task_id := r.task_id; queue_id := r.queue_id; lane := r.own; own_lane := r.own;
      attempt := r.attempt; run_at := null; why := 0; worker_id := null;
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
        id := r.id; place := 'ready'; task_id := r.task_id; queue_id := r.queue_id; own_lane := r.own;
        -- one that had passed its gates passes them again
        lane := case when r.own between 900 and 1100 then r.own else r.lane end;
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

-- As before, with the reason held and the keys of the gates.
create or replace view trunkline.jobs as
select j.id, t.name as task, q.name as queue,
  case when o.id is not null then case o.status when 2 then 'completed' when 3 then 'failed' else 'cancelled' end
    when l.id is not null then 'running' when b.id is not null then 'blocked' else 'pending' end as state,
  case when o.id is not null then case o.status when 2 then null when 3 then coalesce(o.error ->> 'reason', 'attempts_used') when 5 then 'replaced' else 'cancelled' end
    when l.id is not null or b.id is not null then null
    when s.id is not null then case s.why when 1 then 'retrying' else 'scheduled' end
    when h.id is not null then 'held'
    when q.paused_at is not null and (q.paused_until is null or q.paused_until > now()) then 'paused'
    else 'due' end as reason,
  (500 - (coalesce(m.priority, j.priority) + 500) % 1000)::int as priority,
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
  array(select d.parent from trunkline.dependency d where d.child = j.id order by d.parent) as depends_on,
  j.gate_keys[1] as ordering_key, j.gate_keys[2] as concurrency_key, j.gate_keys[3] as rate_key
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
left join trunkline.held h on h.id = j.id and o.id is null
left join trunkline.progress p on p.job_id = j.id
left join trunkline.origin x on x.job_id = j.id
where not exists (select from trunkline.hidden h where h.id = j.id)
union all
-- debounced: the job is accepted, but its payload may still be replaced
select d.id, t.name, q.name, 'pending', 'scheduled', (500 - (d.priority + 500) % 1000)::int, 0, d.max_attempts::int, null, null, null, null, null,
  coalesce(d.tags, '{}'), d.key, null, d.created_at, d.created_by, d.run_at, null, null, null, null, null, null, null, null,
  d.timeout_ms, d.payload, null, x.schedule_id, x.template_id, null, '{}'::bigint[],
  d.gate_keys[1], d.gate_keys[2], d.gate_keys[3]
from trunkline.debounce d
join trunkline.task t on t.id = d.task_id
join trunkline.queue q on q.id = d.queue_id
left join trunkline.origin x on x.job_id = d.id;

-- As before, with the keys of gates; the lane says that there are some.
alter function trunkline.enqueue_keyed rename to enqueue_keyed_0100;
create function trunkline.enqueue_keyed(
  q int, t int, lane smallint, attempts smallint, at timestamptz, delay_ms bigint, timeout bigint, who text, body jsonb, labels text[], origin bigint,
  k text, mode smallint, window_ms bigint, max_wait_ms bigint, ik text, ik_window_ms bigint, gates text[] default null,
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
    digest := sha256(convert_to(jsonb_build_array(t, lane, attempts, at, delay_ms, timeout, labels, k, mode, body)::text || coalesce(to_json(gates)::text, ''), 'UTF8'));
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
    insert into trunkline.debounce as d (id, queue_id, key, task_id, priority, max_attempts, timeout_ms, created_by, tags, payload, gate_keys, run_at, last_at)
      values (nextval('trunkline.id'), q, k, t, lane, attempts, timeout, who, labels, body, gates,
        clock_timestamp() + least(window_ms, max_wait_ms) * interval '1ms', clock_timestamp() + max_wait_ms * interval '1ms')
      on conflict (queue_id, key) do update set task_id = excluded.task_id, priority = excluded.priority, max_attempts = excluded.max_attempts,
        timeout_ms = excluded.timeout_ms, created_by = excluded.created_by, tags = excluded.tags, payload = excluded.payload, gate_keys = excluded.gate_keys,
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
      -- held at a gate: the new one goes through the gates itself
      delete from trunkline.held x where x.id = h.id returning x.queue_id into old;
      if found then
        made := 'replaced';
        if due > now() then
          insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) values (job_id, due, old.queue_id, lane, 0);
        else
          insert into trunkline.ready(queue_id, priority, seq, n, ids) values (old.queue_id, lane, job_id, 1, array[job_id]);
        end if;
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
    insert into trunkline.job(id, queue_id, task_id, priority, max_attempts, run_at, timeout_ms, created_by, payload, tags, key, rerun_of, gate_keys)
      values (job_id, q, t, lane, attempts, due, timeout, who, body, labels, k, origin, gates);
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

-- As before, with the keys of gates. The one before it keeps its number under another name (see 0100).
alter function trunkline.enqueue rename to enqueue_0100;
create function trunkline.enqueue(
  task text, payload jsonb default '{}'::jsonb, queue text default null, run_at timestamptz default null,
  priority int default null, max_attempts int default null, timeout_ms bigint default null,
  unique_key text default null, unique_mode text default 'ignore', unique_window interval default null, unique_max_wait interval default null,
  idempotency_key text default null, idempotency_window interval default interval '24 hours', tags text[] default null,
  concurrency_key text default null, ordering_key text default null, rate_key text default null
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
  gates text[] := nullif(array[ordering_key, concurrency_key, rate_key], array[null, null, null]::text[]);
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
  foreach text_ in array array[unique_key, idempotency_key, concurrency_key, ordering_key, rate_key] loop
    if length(text_) not between 1 and 500 then
      raise exception using errcode = 'TL400', message = format('a key has %s characters; allowed: 1 to 500', length(text_)), detail = 'invalid_option', column = case text_ when unique_key then 'unique_key' when idempotency_key then 'idempotency_key' when concurrency_key then 'concurrency_key' when ordering_key then 'ordering_key' else 'rate_key' end;
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
  return (trunkline.enqueue_keyed(q_id, t.id, (case when gates is null then 0 else 1000 end - coalesce(priority, t.priority))::smallint, coalesce(max_attempts, t.max_attempts)::smallint, run_at, null,
    coalesce(timeout_ms, t.timeout_ms), 'sql:' || session_user, payload, nullif(tags, '{}'), null,
    unique_key, mode::smallint, window_ms, coalesce(wait_ms, 10 * window_ms), idempotency_key, idempotency_ms, gates)).job_id;
end $f$;

-- As before: a queue with limits gives nothing to who does not ask under them, and a lease knows its queue.
alter function trunkline.claim rename to claim_0110;
create function trunkline.claim(queue int, wanted int, lanes int2[], hints int8[], chunks int, worker int, limited boolean default false)
returns table (id bigint, task_id int, timeout_ms bigint, payload text)
language sql volatile
set enable_sort = off set enable_bitmapscan = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $function$
select set_config('synchronous_commit', 'on', true);
with w as materialized (select id from trunkline.worker where id = $6 for key share),
  s as materialized (
    select r.*, sum(r.n) over (order by r.o, r.seq) cum from (
      select r.*, l.o from unnest($3::int2[], $4::int8[]) with ordinality l(p, h, o), lateral (
        select priority, seq, n, ids, attempt from trunkline.ready
        where queue_id = $1 and priority = l.p and seq > l.h order by seq limit $5 for update skip locked) r
      where exists (select from w)
        and not exists (select from trunkline.queue where id = $1
          and (limited and not $7 or paused_at is not null and (paused_until is null or paused_until > now())))
      limit $5) r),
  c as materialized (
    select priority, seq, attempt, o,
      case when cum <= $2 then ids else ids[1:$2 - (cum - n)] end take,
      case when cum > $2 then ids[$2 - (cum - n) + 1:] end rest
    from s where cum - n < $2),
  -- the bounds "= any(array(…))" keep these on the primary key even when the table was vacuumed while empty
  d as (delete from trunkline.ready r using c
    where c.rest is null and r.queue_id = $1
      and r.priority = any(array(select priority from c where rest is null)) and r.seq = any(array(select seq from c where rest is null))
      and r.priority = c.priority and r.seq = c.seq),
  u as (update trunkline.ready r set ids = c.rest, n = cardinality(c.rest) from c
    where c.rest is not null and r.queue_id = $1
      and r.priority = any(array(select priority from c where rest is not null)) and r.seq = any(array(select seq from c where rest is not null))
      and r.priority = c.priority and r.seq = c.seq),
  q as materialized (
    select u.id, c.attempt, c.priority, case when c.rest is null then c.seq else c.seq - 1 end seq from c, unnest(c.take) u(id)),
  l as (insert into trunkline.lease(worker_id, queue_id, ids, attempts)
    select $6, $1, array_agg(id), array_agg(attempt) from q having count(*) > 0 returning id)
select (select id from l) id, null::int task_id, null::bigint timeout_ms, (
    select json_build_object('i', array_agg(id), 'a', case when bool_or(attempt <> 0) then array_agg(attempt) end,
      'p', case when bool_or(priority <> 0) then array_agg(priority) end,
      'n', count(distinct (priority, seq)),
      'h', (select json_agg(json_build_array(priority, m)) from (select priority, max(seq)::text m from q group by priority) z))::text
    from q) payload
  where exists (select from l)
union all
select j.id, j.task_id, j.timeout_ms, j.payload::text from trunkline.job j where j.id = any(array(select id from q))
$function$;

-- As before, and the limits.
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
  hh record;
  ql trunkline.queue_limit;
  tokens float8;
  held_by text[];
  until_ timestamptz;
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
  select x.queue_id, x.gate_id, x.rank, x.at, t.kind, t.key, t.tokens, t.filled_at into hh from trunkline.held x join trunkline.gate t on t.id = x.gate_id where x.id = job;
  if found then
    select x.* into ql from trunkline.queue_limit x where x.queue_id = hh.queue_id;
    held_by := array(select p.job_id::text from trunkline.permit p where p.gate_id = hh.gate_id order by p.job_id limit 20);
    ahead := (select count(*) from (select from trunkline.held x where x.queue_id = hh.queue_id and x.gate_id = hh.gate_id and x.rank < hh.rank limit 10000) z);
    if hh.kind = 3 and ql.key_rate is not null then
      tokens := trunkline.tokens_now(hh.tokens, hh.filled_at, ql.key_burst, ql.key_rate, ql.key_rate_ms);
      until_ := clock_timestamp() + greatest(0, ahead + 1 - tokens) * ql.key_rate_ms / ql.key_rate * interval '1 ms';
    end if;
    select p.id, p.state, p.reason, p.run_at into c from trunkline.jobs p where p.id = held_by[1]::bigint;
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'held', 'since', hh.at,
      'cause', (array['ordering', 'concurrency', 'rate'])[hh.kind], 'key', hh.key,
      'limit', case hh.kind when 1 then 1 when 2 then ql.key_concurrency else ql.key_rate end,
      'ahead', ahead, 'heldBy', case when hh.kind < 3 then to_jsonb(held_by) end, 'until', until_,
      'sentence', case
        when hh.kind = 3 and ql.key_rate is null then 'The limit that it waited for was taken away; it starts as soon as a worker asks.'
        when hh.kind = 3 then format('Of the rate key %s at most %s jobs start in %s ms; %s%s are before it, and a token for it is there at %s.', to_json(left(hh.key, 200)), ql.key_rate, ql.key_rate_ms,
          case when ahead = 10000 then 'more than ' else '' end, ahead, to_char(until_ at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
        when cardinality(held_by) < case hh.kind when 1 then 1 else coalesce(ql.key_concurrency, 2147483647) end
          then format('The way is free for %s; it starts as soon as a worker asks%s.', to_json(left(hh.key, 200)), case when ahead > 0 then format(' for it and the %s before it', ahead) else '' end)
        when hh.kind = 1 then format('Jobs of the ordering key %s run one after another: job %s has its turn (%s), %s%s more are before this one.', to_json(left(hh.key, 200)), c.id,
          case when c.state = 'running' then 'it runs' when c.reason = 'retrying' then 'it failed and is tried again at ' || to_char(c.run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
            else 'it is ' || coalesce(c.reason, c.state) end, case when ahead = 10000 then 'more than ' else '' end, ahead)
        else format('Of the concurrency key %s at most %s jobs run at once; %s %s, and %s%s are before it. It starts when one of them ends.', to_json(left(hh.key, 200)), ql.key_concurrency,
          'jobs ' || (select string_agg(x, ', ') from unnest(held_by[1:5]) x), case when cardinality(held_by) > 5 then 'and others do' else 'do' end,
          case when ahead = 10000 then 'more than ' else '' end, ahead)
      end || case when q.paused_at is not null and (q.paused_until is null or q.paused_until > now()) then format(' Besides, queue %s is paused.', v.queue) else '' end));
  end if;

  if v.reason = 'paused' then
    return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'paused', 'since', q.paused_at, 'until', q.paused_until, 'by', q.paused_by, 'note', q.paused_reason,
      'sentence', format('Queue %s is paused%s%s%s.', v.queue, coalesce(' by ' || q.paused_by, ''), coalesce(': ' || q.paused_reason, ''),
        case when q.paused_until is null then ', until somebody resumes it' else format(', until %s', to_char(q.paused_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) end)));
  end if;

  select count(*), count(*) filter (where v.task = any(k.tasks)), sum(k.concurrency), sum(cardinality(k.running))
    into servers, able, slots, busy
    from trunkline.worker k where v.queue = any(k.queues) and k.beat > now() - stale and k.state <> 'stopping';
  lane := (select (coalesce(m.priority, j.priority) + 500) % 1000 - 500 from trunkline.job j left join trunkline.moved m on m.id = j.id where j.id = job);
  suspect := exists (select from trunkline.ready r where r.queue_id = q.id and r.priority = 32767 and r.ids @> array[job]);
  ahead := (select coalesce(sum(x.n), 0) from (
    select r.n from trunkline.ready r where r.queue_id = q.id and (r.priority < lane or (r.priority = lane and r.seq < job and not r.ids @> array[job])) order by r.priority, r.seq limit 1000) x);
  select x.* into ql from trunkline.queue_limit x where x.queue_id = q.id;
  if servers > 0 and able > 0 and ql.rate is not null then
    tokens := trunkline.tokens_now(ql.tokens, ql.filled_at, ql.burst, ql.rate, ql.rate_ms);
    until_ := clock_timestamp() + greatest(0, ahead + 1 - tokens) * ql.rate_ms / ql.rate * interval '1 ms';
    if tokens < 1 then
      return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'due', 'cause', 'queue_rate', 'since', v.run_at, 'limit', ql.rate, 'ahead', ahead, 'until', until_,
        'sentence', format('Queue %s starts at most %s jobs in %s ms; about %s are before it, and a token for it is there at %s.', v.queue, ql.rate, ql.rate_ms, ahead,
          to_char(until_ at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))));
    end if;
  end if;
  if servers > 0 and able > 0 and ql.concurrency is not null then
    busy := (select coalesce(sum(cardinality(x.ids)), 0) from trunkline.lease x where x.queue_id = q.id);
    if busy >= ql.concurrency then
      held_by := array(select u::text from trunkline.lease x, unnest(x.ids) u where x.queue_id = q.id order by u limit 20);
      return jsonb_strip_nulls(jsonb_build_object('jobId', job::text, 'state', 'pending', 'reason', 'due', 'cause', 'queue_concurrency', 'since', v.run_at, 'limit', ql.concurrency, 'ahead', ahead,
        'busy', busy, 'heldBy', to_jsonb(held_by),
        'sentence', format('Queue %s runs at most %s jobs at once, and so many run; about %s are before it. It starts when one of them ends.', v.queue, ql.concurrency, ahead)));
    end if;
    busy := (select coalesce(sum(cardinality(k.running)), 0) from trunkline.worker k where v.queue = any(k.queues) and k.beat > now() - stale and k.state <> 'stopping');
  end if;
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

revoke execute on function trunkline.tokens_now, trunkline.enter, trunkline.claim_limited, trunkline.sweep_gates, trunkline.enqueue_keyed, trunkline.enqueue from public;
do $$
begin
  if exists (select from pg_roles where rolname = 'trunkline_producer') then
    grant execute on function trunkline.enqueue to trunkline_producer;
  end if;
end $$;
