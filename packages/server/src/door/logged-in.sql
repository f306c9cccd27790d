-- Remembers a login.
-- $1 account uuid
update trunkline.account set last_login_at = now() where id = $1
