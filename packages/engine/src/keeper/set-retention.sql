-- Stores rules in the place of those of the settings; null takes them away.
-- $1 rules jsonb or null  $2 by whom text or null
with d as (delete from trunkline.retention where source = 'stored' and $1::jsonb is null),
  i as (insert into trunkline.retention(source, rules, set_by) select 'stored', $1::jsonb, $2::text where $1::jsonb is not null
    on conflict (source) do update set rules = excluded.rules, set_by = excluded.set_by, set_at = now())
select 1 done
