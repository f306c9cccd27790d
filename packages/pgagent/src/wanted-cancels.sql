-- Which of these runs somebody wants to end.
-- $1 runs int[]
select jlgid run_id from trunkline_pgagent.cancel where jlgid = any($1::int[])
