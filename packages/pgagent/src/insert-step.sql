-- A new step; an SQL step that names no database runs in the current one.
-- $1 job int  $2 name text  $3 description text  $4 enabled boolean  $5 kind text  $6 code text  $7 database text  $8 connection string text  $9 on error text
insert into pgagent.pga_jobstep(jstjobid, jstname, jstdesc, jstenabled, jstkind, jstcode, jstdbname, jstconnstr, jstonerror)
values ($1::int, $2::text, $3::text, $4::boolean, $5::text, $6::text,
  case when $5::text = 's' and $7::text = '' and $8::text = '' then current_database() else $7::name end, $8::text, $9::text)
returning jstid id
