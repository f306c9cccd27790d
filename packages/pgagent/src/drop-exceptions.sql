-- Deletes the exceptions of a schedule but these.
-- $1 schedule int  $2 those that stay jsonb, [{"date", "time"}]
delete from pgagent.pga_exception where jexscid = $1::int and not exists (
  select from jsonb_to_recordset($2::jsonb) as e(date date, "time" time)
  where e.date is not distinct from jexdate and e."time" is not distinct from jextime)
