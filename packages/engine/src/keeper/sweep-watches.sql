-- Forgets watches of jobs that retention has removed before they ended.
delete from trunkline.watch w where not exists (select from trunkline.job j where j.id = w.job_id) and not exists (select from trunkline.debounce d where d.id = w.job_id)
