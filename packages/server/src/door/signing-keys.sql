-- Keys that are accepted, the newest first. `signs`: new tokens may be signed with it.
select kid, public_key, sealed, created_at, retires_at > now() signs from trunkline.signing_key where expires_at > now() order by created_at desc
