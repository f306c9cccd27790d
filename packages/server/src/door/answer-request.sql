-- Keeps the answer of a request, in its own transaction.
-- $1 subject text  $2 key text  $3 answer bytea
update trunkline.idempotent_request set answer = $3 where subject = $1 and key = $2
