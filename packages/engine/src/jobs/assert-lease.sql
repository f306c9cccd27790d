-- Raises lease_lost unless the execution still holds the job; else it holds until this transaction ends. Answers how long that is open.
-- $1 job int8  $2 lease int8
select trunkline.assert_lease($1, $2), (extract(epoch from clock_timestamp() - now()) * 1000)::float8 open_ms
