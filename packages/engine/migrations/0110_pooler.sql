-- Claims behind a pooler in transaction mode, where no connection can keep its settings: the text of claim.sql and lanes.sql (a test
-- compares them) in functions that bring the settings along.
-- breaking: no

-- They act with the rights of who calls them. The first line: whatever the role's default, a lease is on disk before its jobs run. It lasts until the end of the transaction.
create function trunkline.claim(queue int, wanted int, lanes int2[], hints int8[], chunks int, worker int)
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
        and not exists (select from trunkline.queue where id = $1 and paused_at is not null and (paused_until is null or paused_until > now()))
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
  l as (insert into trunkline.lease(worker_id, ids, attempts)
    select $6, array_agg(id), array_agg(attempt) from q having count(*) > 0 returning id)
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

create function trunkline.lanes(queue int) returns table (lanes int2[])
language sql stable
set enable_sort = off set enable_bitmapscan = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $function$
with recursive lane(p) as (
  (select priority from trunkline.ready where queue_id = $1 order by priority limit 1)
  union all
  select (select r.priority from trunkline.ready r where r.queue_id = $1 and r.priority > lane.p order by r.priority limit 1)
  from lane where lane.p is not null)
select array_agg(p order by p) lanes from lane where p is not null
$function$;
