-- Is there any user?
select exists (select from trunkline.account) there
