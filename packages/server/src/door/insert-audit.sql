-- One line of the audit.
-- $1 actor text  $2 how text  $3 action text  $4 target text or null  $5 outcome text  $6 code text or null  $7 address text or null  $8 request id text or null  $9 before jsonb or null  $10 after jsonb or null
insert into trunkline.audit(actor, how, action, target, outcome, code, address, request_id, before, after) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
