-- Parents that end together free their children by one look each: the former plan compared every child with every other.
-- breaking: no

-- As before; what is joined is walked from the children, in the order of their locks.
create or replace function trunkline.settle(parents bigint[]) returns int language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
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
      c as materialized (select child, count(*)::int n from e group by child order by child),
      k as materialized (
        select b.id, b.parents_left, c.n from c,
          lateral (select x.id, x.parents_left from trunkline.blocked x where x.id = c.child for update) b),
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
      c as materialized (select child, min(parent) parent from e group by child order by child),
      k as materialized (
        select b.id, b.queue_id, c.parent, case when p.status = 3 then 'failed' else 'was cancelled' end how, j.task_id from c,
          lateral (select x.id, x.queue_id from trunkline.blocked x where x.id = c.child for update) b,
          lateral (select o.status from trunkline.outcome o where o.id = c.parent offset 0) p,
          lateral (select y.task_id from trunkline.job y where y.id = c.child offset 0) j),
      x as (delete from trunkline.blocked b where b.id = any(array(select id from k))),
      o as (insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at, result, error)
        select k.id, 4, 0, k.queue_id, k.task_id, now(), jsonb_build_object('by', 'flow', 'parent', k.parent::text),
          jsonb_build_object('code', 'parent_failed', 'parent', k.parent::text, 'message', format('job %s, which it depends on, %s', k.parent, k.how))
        from k returning id, queue_id, task_id),
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
