-- What a bulk action did.
-- $1 bulk int8
select verb, options from trunkline.bulk_run where id = $1
