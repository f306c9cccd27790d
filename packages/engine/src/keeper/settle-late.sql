-- Looks once more for parents that ended beside the transactions of their children (see trunkline.late). Answers how many children it moved.
select trunkline.settle_late() moved
