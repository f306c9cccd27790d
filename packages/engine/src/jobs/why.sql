-- Why a job is not running, or how it ended.
-- $1 id int8
select trunkline.why($1) answer
