-- Changes a schedule of a job; no row when it has none such. The trigger plans the job anew.
-- $1 job int  $2 name text  $3 description text  $4 enabled boolean  $5 start timestamptz or null (as it is)  $6 end timestamptz or null
-- $7 minutes boolean[]  $8 hours boolean[]  $9 weekdays boolean[]  $10 month days boolean[]  $11 months boolean[]  $12 schedule int
update pgagent.pga_schedule set jscname = $2::text, jscdesc = $3::text, jscenabled = $4::boolean, jscstart = coalesce($5::timestamptz, jscstart),
  jscend = $6::timestamptz, jscminutes = $7::boolean[], jschours = $8::boolean[], jscweekdays = $9::boolean[], jscmonthdays = $10::boolean[],
  jscmonths = $11::boolean[]
where jscjobid = $1::int and jscid = $12::int returning jscid id
