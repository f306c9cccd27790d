-- The log of a job before a line number, newest first.
-- $1 job int8  $2 before int8  $3 limit int  $4 levels text[] or null  $5 stage text or null  $6 words of the message text (a pattern of ilike) or null
select no, attempt, at, level, stage, message, context from trunkline.job_logs where job_id = $1 and no < $2
  and ($4::text[] is null or level = any($4)) and ($5::text is null or stage = $5) and ($6::text is null or message ilike $6)
order by no desc limit $3
