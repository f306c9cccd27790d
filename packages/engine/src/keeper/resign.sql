-- Gives leadership back, so that another need not wait for its end.
-- $1 name text  $2 holder text
update trunkline.leader set until = '-infinity' where name = $1 and holder = $2
