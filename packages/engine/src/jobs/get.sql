-- Jobs as people see them, in no order. With the pins of walk: a plan for a handful of ids would read whole tables for some.
-- $1 ids int8[]
-- whose jobs: $2 jsonb {by, queues?, tasks?}, patterns of like; null = everybody's
select * from trunkline.jobs v where id = any($1::bigint[])
  and ($2::jsonb is null or v.created_by = $2 ->> 'by' or (
    ($2 -> 'queues' is null or v.queue like any(array(select jsonb_array_elements_text($2 -> 'queues'))))
    and ($2 -> 'tasks' is null or v.task like any(array(select jsonb_array_elements_text($2 -> 'tasks'))))))
