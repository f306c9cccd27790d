-- Claims a key for a request; no row where it is taken. Keys of more than a day ago are free again.
-- $1 subject text  $2 key text  $3 hash bytea
with old as (delete from trunkline.idempotent_request where at < now() - interval '24 h' and (subject, key) <> ($1, $2))
insert into trunkline.idempotent_request as r (subject, key, hash) values ($1, $2, $3)
on conflict (subject, key) do update set hash = excluded.hash, answer = null, at = now() where r.at < now() - interval '24 h'
returning key
