-- What became of a part of a bulk action, and what its jobs were before.
-- $1 bulk int8  $2 results jsonb [{jobId, ok, answer, code, reason, before}]
with b as (update trunkline.bulk_run set done = done + jsonb_array_length($2::jsonb), ended_at = now() where id = $1
    returning id, done - jsonb_array_length($2::jsonb) before)
insert into trunkline.bulk_result(bulk_id, no, job_id, ok, answer, code, reason, before)
select b.id, b.before + r.no, (r.x ->> 'jobId')::int8, (r.x ->> 'ok')::boolean, r.x ->> 'answer', r.x ->> 'code', r.x ->> 'reason', r.x -> 'before'
from b, jsonb_array_elements($2::jsonb) with ordinality r(x, no)
