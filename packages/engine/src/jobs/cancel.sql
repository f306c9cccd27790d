-- Cancels jobs: waiting ones at once, running ones by asking their workers. Answers where each one was (see trunkline.take_out), and
-- of those that waited what puts them back (see uncancel.sql).
-- $1 ids int8[]  $2 by whom text  $3 also hide them (delete) boolean: running ones are left alone then
with t as materialized (select * from trunkline.take_out($1)),
  bl as (delete from trunkline.blocked where id = any(array(select id from t where place = 'blocked'))),
  oc as (insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at, result)
    select id, 4, attempt, queue_id, task_id, now(), jsonb_build_object('by', $2::text) from t where place in ('ready', 'scheduled', 'debounce', 'blocked') returning id),
  old as (delete from trunkline.cancel_wanted where id = any(array(select id from oc))),
  cw as (insert into trunkline.cancel_wanted(id, worker_id, by_whom) select id, worker_id, $2 from t where place = 'running' and not $3::boolean
    on conflict (id) do update set worker_id = excluded.worker_id),
  hd as (insert into trunkline.hidden(id, by_whom) select id, $2 from t where $3::boolean and place not in ('running', 'gone', 'moving') on conflict do nothing returning id),
  sd as (insert into trunkline.stat_delta
    select date_trunc('minute', now()), queue_id, task_id, 4, count(*), 0 from t where place in ('ready', 'scheduled', 'debounce', 'blocked') group by 2, 3),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), case when $3::boolean then 'deleted' else 'cancelled' end,
      jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from (select id from oc union select id from hd) z having count(*) > 0)
select id::text, place was, case when place in ('ready', 'scheduled', 'debounce', 'blocked') then to_jsonb(t) || jsonb_build_object('at', now()) end before,
  (select pg_notify('trunkline', 'c') where not $3::boolean and exists (select from t where place = 'running')) told from t
