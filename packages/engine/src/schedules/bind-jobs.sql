-- Binds new jobs to their slots.
-- $1 schedule uuid[]  $2 slot timestamptz[]  $3 manual boolean[]  $4 job int8[]  $5 template uuid[]  $6 its version int[]
with i as materialized (select * from unnest($1::uuid[], $2::timestamptz[], $3::boolean[], $4::int8[], $5::uuid[], $6::int[]) u(schedule_id, slot_at, manual, job_id, template_id, version)),
  l as (update trunkline.slot l set job_id = i.job_id from i where l.schedule_id = i.schedule_id and l.slot_at = i.slot_at and l.manual = i.manual),
  o as (insert into trunkline.origin(job_id, schedule_id, template_id, template_version, slot_at) select job_id, schedule_id, template_id, version, slot_at from i),
  t as (update trunkline.template t set uses = uses + n, last_used_at = now() from (select template_id, count(*) n from i where template_id is not null group by 1) u where t.id = u.template_id),
  f as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'schedule',
      jsonb_build_object('what', 'fired', 'n', count(distinct schedule_id), 'schedules', case when count(distinct schedule_id) <= 100 then jsonb_agg(distinct schedule_id) end) from i having count(*) > 0)
select count(*)::int n from i
