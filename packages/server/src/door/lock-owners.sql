-- Owners who can log in, locked until the end of the transaction: two of them cannot both be the last but one.
select id from trunkline.account where role = 'owner' and is_enabled order by id for update
