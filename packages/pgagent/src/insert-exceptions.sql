-- Adds the exceptions that a schedule does not have yet.
-- $1 schedule int  $2 exceptions jsonb, [{"date", "time"}]
insert into pgagent.pga_exception(jexscid, jexdate, jextime)
select distinct $1::int, e.date, e."time" from jsonb_to_recordset($2::jsonb) as e(date date, "time" time)
where not exists (select from pgagent.pga_exception x
  where x.jexscid = $1::int and x.jexdate is not distinct from e.date and x.jextime is not distinct from e."time")
