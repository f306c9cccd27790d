-- Changes a step of a job; no row when it has none such.
-- $1 job int  $2 name text  $3 description text  $4 enabled boolean  $5 kind text  $6 code text  $7 database text  $8 connection string text  $9 on error text
-- $10 step int
update pgagent.pga_jobstep set jstname = $2::text, jstdesc = $3::text, jstenabled = $4::boolean, jstkind = $5::text, jstcode = $6::text,
  jstdbname = case when $5::text = 's' and $7::text = '' and $8::text = '' then current_database() else $7::name end,
  jstconnstr = $8::text, jstonerror = $9::text
where jstjobid = $1::int and jstid = $10::int returning jstid id
