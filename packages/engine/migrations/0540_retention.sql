-- How long ended jobs are kept, as an owner has set it; and what the settings of the keeper say.
-- breaking: no

-- At most two rows. `stored` stands in the place of what the settings say; `settings` is written down by the keeper that leads, for those
-- who ask elsewhere, and is missing where its settings say nothing. rules: {"completed": ms or false, "failed": …, "cancelled": …,
-- "tasks": {"<task>": {"completed": …}}}; false = for ever.
create table trunkline.retention (
  source text primary key check (source in ('stored', 'settings')),
  rules jsonb not null,
  set_by text,
  set_at timestamptz not null default now()
);
