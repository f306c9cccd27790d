-- The highest migration, when one that this version does not know forbids it to go on; else no row.
-- $1 highest migration that is known int
select max(no) from trunkline.migration having bool_or(breaking and no > $1)
