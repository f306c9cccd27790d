-- The rules that an owner has stored, or null; before that it is written down what the settings of the keeper say.
-- $1 rules jsonb, null where the settings say nothing
with d as (delete from trunkline.retention where source = 'settings' and $1::jsonb is null),
  i as (insert into trunkline.retention as r (source, rules) select 'settings', $1::jsonb where $1::jsonb is not null
    on conflict (source) do update set rules = excluded.rules, set_at = now() where r.rules <> excluded.rules)
select (select rules from trunkline.retention where source = 'stored') rules
