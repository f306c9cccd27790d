-- A new signing key.
-- $1 kid text  $2 public jwk jsonb  $3 sealed private jwk bytea  $4 signs for ms int8  $5 is accepted for ms int8
insert into trunkline.signing_key(kid, public_key, sealed, retires_at, expires_at)
values ($1, $2, $3, now() + $4::int8 * interval '1ms', now() + $5::int8 * interval '1ms')
