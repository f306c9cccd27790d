-- What somebody says of a cause.
-- $1 fingerprint text  $2 state text  $3 ignored until timestamptz or null  $4 by whom text  $5 note text or null
insert into trunkline.error_group(fingerprint, state, ignored_until, by_whom, note) values ($1, $2, $3, $4, $5)
on conflict (fingerprint) do update set state = excluded.state, since = now(), ignored_until = excluded.ignored_until, by_whom = excluded.by_whom,
  note = coalesce(excluded.note, trunkline.error_group.note)
