-- Takes waiting jobs out of their places, for the statement that puts them elsewhere (update): that one may not share a command
-- with it, since a chunk that was shrunk here could not be joined again there.
-- $1 ids int8[]
select coalesce(jsonb_agg(to_jsonb(t)), '[]') taken from trunkline.take_out($1) t
