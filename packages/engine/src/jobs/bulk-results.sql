-- Results of a bulk action by the job that works through it, in the order of the selection.
-- $1 job int8  $2 after no int  $3 limit int  $4 only those that were (true) or were not (false) accepted boolean or null
select b.id::text bulk_id, b.verb, b.by_whom, b.done, cardinality(b.ids) total, b.created_at, (
  select coalesce(json_agg(json_build_object('no', r.no, 'jobId', r.job_id::text, 'ok', r.ok, 'answer', r.answer, 'code', r.code, 'reason', r.reason) order by r.no), '[]')
  from (select * from trunkline.bulk_result x where x.bulk_id = b.id and x.no > $2 and ($4::boolean is null or x.ok = $4) order by x.no limit $3) r) results
from trunkline.bulk_run b where b.job_id = $1
