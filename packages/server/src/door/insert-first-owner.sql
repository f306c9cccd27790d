-- The first owner, where there is nobody yet; of several servers that start at once, one makes it.
-- $1 email text  $2 password hash text
with l as materialized (select pg_advisory_xact_lock(hashtext('trunkline.account'))),
  n as materialized (select exists (select from trunkline.account) there from l)
insert into trunkline.account(email, password, role, rights)
select $1, $2, 'owner', array['steps.sql', 'steps.shell', 'payload.read'] from n where not there
on conflict do nothing returning email
