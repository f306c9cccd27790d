-- Removes a user with sessions and keys; jobs and audit keep the name.
-- $1 account uuid
delete from trunkline.account where id = $1 returning id
