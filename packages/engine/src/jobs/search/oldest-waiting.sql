-- The lowest id of all jobs that wait; null where none does.
select least((select min(u.id) from trunkline.ready r, unnest(r.ids) u(id)), (select s.id from trunkline.scheduled s order by s.id limit 1),
  (select b.id from trunkline.blocked b order by b.id limit 1), (select d.id from trunkline.debounce d order by d.id limit 1),
  (select h.id from trunkline.held h order by h.id limit 1))::text id
