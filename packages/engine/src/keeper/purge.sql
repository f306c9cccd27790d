-- Removes ended jobs that are older than what is kept of their task and state: a slice of the history, by id.
-- Answers how many were removed, the last id that was looked at, and when its job was made.
-- $1 after id int8  $2 looked at int  rules, first match counts: $3 task int[] (null: any)  $4 status int2[]  $5 keep ms int8[] (null: for ever)
with c as materialized (select id, queue_id, task_id, status, finished_at from trunkline.outcome where id > $1 order by id limit $2),
  r as materialized (select * from unnest($3::int[], $4::int2[], $5::int8[]) with ordinality u(task_id, status, keep, o)),
  gone as materialized (select c.id from c, lateral (
      select keep from r where (r.task_id is null or r.task_id = c.task_id) and r.status = c.status order by o limit 1) k
    where c.finished_at < now() - k.keep * interval '1ms'),
  o as (delete from trunkline.outcome where id = any(array(select id from gone)) returning id, queue_id, task_id, status),
  j as (delete from trunkline.job where id = any(array(select id from o))),
  l as (delete from trunkline.log where job_id = any(array(select id from o))),
  a as (delete from trunkline.attempt where id = any(array(select id from o))),
  p as (delete from trunkline.progress where job_id = any(array(select id from o))),
  m as (delete from trunkline.moved where id = any(array(select id from o))),
  g as (delete from trunkline.retagged where id = any(array(select id from o))),
  fj as (delete from trunkline.flow_job where id = any(array(select id from o))),
  dp as (delete from trunkline.dependency where child = any(array(select id from o))),
  h as (delete from trunkline.hidden where id = any(array(select id from o))),
  x as (delete from trunkline.origin where job_id = any(array(select id from o))),
  t as (delete from trunkline.trace where job_id = any(array(select id from o))),
  sp as (delete from trunkline.step where job_id = any(array(select id from o))),
  s as (delete from trunkline.searchable where job_id = any(array(select id from o))),
  e as (insert into trunkline.expired as e (queue_id, task_id, status, n) select queue_id, task_id, status, count(*) from o group by 1, 2, 3
    on conflict (queue_id, task_id, status) do update set n = e.n + excluded.n)
select (select count(*) from o)::int n, (select count(*) from c)::int looked, (select max(id) from c)::text last,
  (select j.created_at from trunkline.job j where j.id = (select max(id) from c)) made
