-- Counts what rules would remove of a slice of the history, by id; removes nothing. Answers [task, status, count] of each group, how many
-- jobs were looked at, the last id, and when its job was made.
-- $1 after id int8  $2 looked at int  rules, first match counts: $3 task int[] (null: any)  $4 status int2[]  $5 keep ms int8[] (null: for ever)
with c as materialized (select id, task_id, status, finished_at from trunkline.outcome where id > $1 order by id limit $2),
  r as materialized (select * from unnest($3::int[], $4::int2[], $5::int8[]) with ordinality u(task_id, status, keep, o)),
  k as materialized (select p.task_id, p.status, (
      select now() - r.keep * interval '1ms' from r where (r.task_id is null or r.task_id = p.task_id) and r.status = p.status order by r.o limit 1) before
    from (select distinct task_id, status from c) p),
  g as (select c.task_id, c.status, count(*)::int n from c join k on k.task_id = c.task_id and k.status = c.status where c.finished_at < k.before
    group by c.task_id, c.status)
select (select jsonb_agg(jsonb_build_array(t.name, g.status, g.n)) from g join trunkline.task t on t.id = g.task_id) groups,
  (select count(*) from c)::int looked, (select max(id) from c)::text last,
  (select j.created_at from trunkline.job j where j.id = (select max(id) from c)) made
