-- Puts jobs that wait for their time (scheduled, retrying, debounced) in line now, at the end of their lanes.
-- Answers where each one was; ready ones are left where they stand (see trunkline.take_out).
-- $1 ids int8[]
with t as materialized (select * from trunkline.take_out($1, only_timed => true)),
  w as materialized (select * from t where place in ('scheduled', 'debounce')),
  rd as (insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
    select queue_id, lane, nextval('trunkline.id'), attempt, count(*), array_agg(id order by id)
    from (select *, (row_number() over (partition by queue_id, lane, attempt order by id) - 1) / 100 b from w) z
    group by queue_id, lane, attempt, b),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'promoted', jsonb_build_object('n', count(*), 'ids', case when count(*) <= 100 then jsonb_agg(id) end)
    from w having count(*) > 0)
select id::text, place was, (select pg_notify('trunkline', 'w')
  where (select bool_or(waiting) from trunkline.idle where queue_id = any(array(select queue_id from w)))) woken from t
