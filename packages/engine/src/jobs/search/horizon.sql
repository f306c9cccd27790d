-- The time of the server, the highest id that was drawn and the lowest that is there.
select now() "now", (select last_value from trunkline.id)::text highest,
  least((select j.id from trunkline.job j order by j.id limit 1), (select d.id from trunkline.debounce d order by d.id limit 1))::text lowest
