-- Links committed lines of the audit into the chain, in the order of their numbers; a line that commits late comes later in the chain.
-- $1 limit int
with recursive last as (select link, hash, (select max(audit_no) from trunkline.audit_link) reach from trunkline.audit_link order by link desc limit 1),
  line as materialized (
    select z.a, row_number() over (order by (z.a).no) n from (
      select a from trunkline.audit a
      where a.no > coalesce((select reach from last), 0) - 10000 and not exists (select from trunkline.audit_link l where l.audit_no = a.no)
      order by a.no limit $1) z(a)),
  chain(n, no, hash) as (
    select 0::bigint, null::bigint, coalesce((select hash from last), '\x'::bytea)
    union all
    select line.n, (line.a).no, trunkline.audit_hash(chain.hash, line.a) from chain join line on line.n = chain.n + 1),
  made as (insert into trunkline.audit_link(link, audit_no, hash)
    select coalesce((select link from last), 0) + n, no, hash from chain where n > 0 on conflict do nothing returning link, hash)
select (select count(*)::int from made) n, link::text, encode(hash, 'hex') hash from made order by made.link desc limit 1
