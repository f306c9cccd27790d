-- Right after a child was made, in its transaction: parents that have ended already free or cancel it now.
-- $1 parents int8[]
select trunkline.settle($1::int8[]) moved
