-- Of a range: the jobs that must stay (not ended, or ended after the cutoff), and how many there are in all.
-- $1 from id int8  $2 below id int8  $3 cutoff timestamptz
select (select count(*) from trunkline.job where id >= $1 and id < $2)::int total,
  coalesce((select array_agg(id) from (
    (select j.id from trunkline.job j left join trunkline.outcome o on o.id = j.id where j.id >= $1 and j.id < $2 and (o.id is null or o.finished_at > $3) limit 20000)
    union all select d.id from trunkline.debounce d where d.id >= $1 and d.id < $2) z), '{}') kept
