-- Lines of the audit, newest first.
-- $1 below this number int8 or null  $2 limit int  $3 actor text or null  $4 action (a pattern of like) text or null  $5 target text or null
-- $6 outcome text or null  $7 from timestamptz or null  $8 before timestamptz or null
select a.no::text, a.at, a.actor, a.how, a.action, a.target, a.outcome, a.code, a.address, a.request_id, a.before, a.after
from trunkline.audit a
where ($1::int8 is null or a.no < $1) and ($3::text is null or a.actor = $3) and ($4::text is null or a.action like $4)
  and ($5::text is null or a.target = $5) and ($6::text is null or a.outcome = $6)
  and ($7::timestamptz is null or a.at >= $7) and ($8::timestamptz is null or a.at < $8)
order by a.no desc limit $2
