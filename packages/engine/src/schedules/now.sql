-- The clock of the database.
select now() now
