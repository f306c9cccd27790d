-- Waiting jobs in the order in which they will run: due ones by lane, then scheduled ones by time.
-- $1 after this many int  $2 task text or null  $3 queue text or null  $4 limit int
select v.* from (
  select id, row_number() over () o from (
    (select u.id from (select r.ids, r.queue_id, r.priority, r.seq from trunkline.ready r join trunkline.queue q on q.id = r.queue_id
        where $3::text is null or q.name = $3 order by r.queue_id, r.priority, r.seq limit case when $2::text is null then $1::int + $4::int else 10000 end) r,
        unnest(r.ids) u(id))
    union all
    (select s.id from trunkline.scheduled s join trunkline.queue q on q.id = s.queue_id
        where $3::text is null or q.name = $3 order by s.run_at limit case when $2::text is null then $1::int + $4::int else 10000 end)) z
  ) w, lateral (select * from trunkline.jobs where id = w.id) v
where v.state = 'pending' and ($2::text is null or v.task = $2)
order by w.o offset $1 limit $4
