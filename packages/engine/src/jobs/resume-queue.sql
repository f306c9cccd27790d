-- Resumes a queue, or all queues whose pause is over. Answers their names.
-- $1 queue text, or null: those whose pause is over
with q as (update trunkline.queue set paused_at = null, paused_until = null, paused_reason = null, paused_by = null
    where case when $1::text is null then paused_until <= now() else name = $1 end returning id, name),
  fd as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'queue', jsonb_build_object('queue', name, 'paused', false) from q)
select name, (select pg_notify('trunkline', 'w')) woken from q
