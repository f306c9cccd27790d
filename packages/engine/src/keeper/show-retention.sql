-- The rules that are stored, and those of the settings: a row each, where there are any.
select source, rules, set_by, set_at from trunkline.retention
