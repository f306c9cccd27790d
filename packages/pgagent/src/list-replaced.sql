-- What an upgrade has replaced, to be put back: it is forgotten with that. Functions come first, triggers call them.
with gone as (delete from trunkline_pgagent.replaced returning *)
select kind, on_table "table", name, definition from gone order by kind = 'trigger' and definition is null desc, kind <> 'function', kind
