-- The highest id that was drawn.
select last_value::text id from trunkline.id
