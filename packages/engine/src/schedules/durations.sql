-- How long jobs of tasks took in the last 7 days, on average, in ms; from the counters.
select t.name task, (sum(s.sum_us) / nullif(sum(s.n), 0) / 1000)::float8 ms from trunkline.stat s join trunkline.task t on t.id = s.task_id
where s.status = 2 and s.minute > now() - interval '7 days' group by 1
