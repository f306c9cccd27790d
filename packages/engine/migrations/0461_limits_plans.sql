-- Gates are found one by one, whatever their number: a join of two lists of a thousand was a million pairs. Rows that a call has locked are
-- found by number and changed by place. A gate at which nobody was held yet has its head at the end.
-- breaking: no

alter table trunkline.gate alter column head set default 4611686018427387904;

-- As before.
create or replace function trunkline.enter(queue int, most int) returns int language plpgsql volatile
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

-- As before, ten chunks at a time.
create or replace function trunkline.claim_limited(queue int, wanted int, free int, lanes int2[], hints int8[], chunks int, worker int, backwards boolean)
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
