-- Books a difference of the counters, so that they agree with the history from now on.
-- $1 queue int  $2 task int  $3 status int2  $4 difference int
insert into trunkline.stat_delta values (date_trunc('minute', now()), $1, $2, $3, $4, 0)
