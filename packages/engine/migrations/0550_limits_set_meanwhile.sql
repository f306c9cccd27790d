-- A limit of a queue that is set while a claim is on its way holds for that claim too, when the queue had none before.

-- The claim of a queue with limits or gates. As trunkline.claim; when it gives nothing though something waits for a limit, its only row
-- says in payload after how many ms it is worth to ask again: {"w": 250}. free: jobs that could begin at once; tokens are spent on no more.
-- Lock order: worker, queue_limit, chunks, gates by number, held. Who ends a job takes none of them.
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
  has_limits boolean;
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

  has_limits := coalesce(l.concurrency is not null or l.rate is not null, false);

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
      if not has_limits and (l.concurrency is not null or l.rate is not null) then
        return query select null::bigint, null::int, null::bigint, '{"w": 1}'::text;
        return;
      end if;
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
    -- where the queue had no limits, this claim looks in its own snapshot whether it has got some since: it gives nothing then
    return query select * from trunkline.claim(queue, room, line,
      array(select coalesce(hints[array_position(lanes, u)], 0) from unnest(line) with ordinality z(u, o) order by o), chunks, worker, has_limits);
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
