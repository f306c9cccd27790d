-- The next run of a schedule, by the function that is there or by ours.
-- $1 schedule int  $2 now (that which is there) or then (ours) text
select case $2::text when 'now' then pgagent.pga_next_schedule(jscid, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths)
  else trunkline_pgagent.next_run(jscid, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths, now(),
    trunkline_pgagent.timezone_of(jscjobid)) end at
from pgagent.pga_schedule where jscid = $1::int
