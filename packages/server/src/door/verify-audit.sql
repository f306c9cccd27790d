-- What is wrong with the chain of the audit: at most 100 places, in order. Reads everything.
-- $1 link int8 or null  $2 hash that this link must have, hexadecimal text or null
with c as (
    select l.link, l.audit_no, l.hash, lag(l.hash, 1, '\x'::bytea) over w previous, lag(l.link, 1, 0::int8) over w before, a
    from trunkline.audit_link l left join trunkline.audit a on a.no = l.audit_no window w as (order by l.link)),
  bad as (
    select link, audit_no, case
        when link <> before + 1 then 'links are missing before it'
        when (a).no is null then 'the line is gone'
        when hash <> trunkline.audit_hash(previous, a) then 'the line, or the link before it, was changed' end problem
    from c
    union all
    select null, a.no, 'the line is in no link' from trunkline.audit a
      where a.at < now() - interval '1 min' and not exists (select from trunkline.audit_link l where l.audit_no = a.no)
    union all
    select $1::int8, null, 'the chain does not hold this anchor' where $1::int8 is not null
      and not exists (select from trunkline.audit_link l where l.link = $1 and encode(l.hash, 'hex') = $2))
select (select count(*) from trunkline.audit_link)::int links,
  coalesce((select json_agg(b) from (select link::text, audit_no::text as "auditNo", problem from bad where problem is not null order by link nulls last, audit_no limit 100) b), '[]') bad
