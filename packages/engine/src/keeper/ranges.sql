-- The ranges of ids that have partitions, oldest first, with the times of the oldest and the newest job in each.
-- $1 ids of one range int8
select r.no, r.closing_at is not null closing,
  (select j.created_at from trunkline.job j where j.id >= r.no * $1::int8 and j.id < (r.no + 1) * $1::int8 order by j.id limit 1) oldest,
  (select j.created_at from trunkline.job j where j.id >= r.no * $1::int8 and j.id < (r.no + 1) * $1::int8 order by j.id desc limit 1) newest,
  (select last_value from trunkline.id) >= (r.no + 1) * $1::int8 as full
from trunkline.id_range r order by r.no
