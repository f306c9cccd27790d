-- What was answered under a key.
-- $1 subject text  $2 key text
select hash, answer from trunkline.idempotent_request where subject = $1 and key = $2 and at >= now() - interval '24 h'
