-- A new schedule; the trigger plans its job anew.
-- $1 job int  $2 name text  $3 description text  $4 enabled boolean  $5 start timestamptz or null (now)  $6 end timestamptz or null
-- $7 minutes boolean[]  $8 hours boolean[]  $9 weekdays boolean[]  $10 month days boolean[]  $11 months boolean[]
insert into pgagent.pga_schedule(jscjobid, jscname, jscdesc, jscenabled, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths)
values ($1::int, $2::text, $3::text, $4::boolean, coalesce($5::timestamptz, now()), $6::timestamptz, $7::boolean[], $8::boolean[], $9::boolean[],
  $10::boolean[], $11::boolean[])
returning jscid id
