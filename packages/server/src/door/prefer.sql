-- What a user wants to hear of.
-- $1 account uuid  $2 preferences jsonb
update trunkline.account set preferences = preferences || $2::jsonb where id = $1
