-- Takes up to $2 due jobs of a queue with limits or gates (see trunkline.claim_limited), in the form of claim.sql. Where nothing is given though
-- something waits for a limit, the only row has no id and says in payload in how many ms to ask again: {"w": 250}.
-- $1 queue int  $2 wanted int  $3 jobs that could begin at once int  $4 lanes int2[]  $5 hints int8[]  $6 chunks to look at int  $7 worker int
-- $8 read the lanes from behind boolean
select id, task_id, timeout_ms, payload from trunkline.claim_limited($1::int, $2::int, $3::int, $4::int2[], $5::int8[], $6::int, $7::int, $8::boolean)
