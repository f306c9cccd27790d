-- One job as people see it.
-- $1 id int8
select * from trunkline.jobs where id = $1
