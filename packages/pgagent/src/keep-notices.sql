-- What the server has said so far while a step ran; nothing when its log row is gone.
-- $1 log row int  $2 text
insert into trunkline_pgagent.step_notice(jslid, notices)
select jslid, $2::text from pgagent.pga_jobsteplog where jslid = $1::int
on conflict (jslid) do update set notices = excluded.notices
