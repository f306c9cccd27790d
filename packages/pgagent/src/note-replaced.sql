-- Keeps what an upgrade replaces; of two in a row the first, which is the original.
-- $1 kind text  $2 table or empty text  $3 name text  $4 definition text or null = there was none  $5 by whom text
insert into trunkline_pgagent.replaced(kind, on_table, name, definition, replaced_by) values ($1::text, $2::text, $3::text, $4::text, $5::text)
on conflict (kind, on_table, name) do nothing
