-- Takes up to $2 due jobs of one queue and gives them to a worker under a new lease. The first row is the header
-- (lease, null, ids with attempts, lanes and how far each lane was read); the other rows are the jobs, in no order.
-- $1 queue int  $2 wanted int  $3 lanes int2[] in the order to read them  $4 hints int8[]: where each lane was last read to
-- $5 chunks to look at int  $6 worker int  $7 are the limits of the queue looked at boolean: false = nothing, if it has some
-- Its connection pins plans (postgres/pinned.ts): without statistics the planner would sort the whole backlog.
-- A paused queue gives nothing: its jobs stay where they are. One with limits gives what trunkline.claim_limited asks for.
-- The worker row is locked first: one that was given up as dead, and does not know it yet, would get a lease that nobody recovers.
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
