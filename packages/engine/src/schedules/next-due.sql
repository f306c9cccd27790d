-- In how many ms a scheduler has to look again; null = nothing is planned.
-- $1 now timestamptz (null: the clock of the database)
select (extract(epoch from due_at - coalesce($1::timestamptz, now())) * 1000)::float8 ms from trunkline.schedule where due_at is not null order by due_at limit 1
