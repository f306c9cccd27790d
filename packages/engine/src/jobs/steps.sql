-- The steps of a job, in the order in which they run. One that ran when its worker died has crashed, until it begins again.
-- $1 job int8
select s.name, s.task, s.attempt + 1 attempt, s.tries, s.started_at, s.finished_at, s.result, s.error, s.earlier,
  case when s.state = 'running' and not exists (
    select from trunkline.lease e where e.ids @> array[s.job_id] and e.attempts[array_position(e.ids, s.job_id)] = s.attempt)
  then 'crashed' else s.state end state
from trunkline.step s where s.job_id = $1 order by s.no
