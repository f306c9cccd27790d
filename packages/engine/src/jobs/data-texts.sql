-- What a job was asked to do and what came of it, as text: numbers with all the digits that they have.
-- $1 ids int8[]
select v.payload::text payload, v.result::text result from trunkline.jobs v where v.id = any($1::bigint[])
