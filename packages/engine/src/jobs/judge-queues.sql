-- Holds the queues that have thresholds against them, stores how each stands, and tells of what has changed: in the feed, and to the inboxes of those
-- who operate the queue. Worse at once; better when it has been better for $1. Answers the changes.
-- $1 how long it must be better interval
-- What failed counts over ten minutes, from ten ended jobs on: three failures of a quiet night are no rate.
with recursive asked as materialized (
    select h.queue_id, q.name, h.thresholds, h.level, h.crossed, h.better_since
    from trunkline.queue_health h join trunkline.queue q on q.id = h.queue_id order by h.queue_id for update of h skip locked),
  lane(queue_id, p) as (
    select queue_id, (select priority from trunkline.ready r where r.queue_id = a.queue_id order by priority limit 1) from asked a
    union all
    select queue_id, (select r.priority from trunkline.ready r where r.queue_id = lane.queue_id and r.priority > lane.p order by r.priority limit 1)
    from lane where lane.p is not null),
  oldest as (
    select l.queue_id, min(greatest(j.run_at, j.created_at)) at from lane l,
      lateral (select ids from trunkline.ready r where r.queue_id = l.queue_id and r.priority = l.p order by seq limit 1) f
      join trunkline.job j on j.id = f.ids[1]
    where l.p is not null group by 1),
  ended as (
    select queue_id, sum(n) filter (where status = 3) failed, sum(n) n from (
      select queue_id, status, n from trunkline.stat where minute >= now() - interval '10 min' union all
      select queue_id, status, n from trunkline.stat_delta where minute >= now() - interval '10 min') s
    where status in (2, 3) group by 1),
  measured as (
    select a.queue_id, m.measure, m.value from asked a, lateral (values
      ('waiting', coalesce((select sum(n) from trunkline.ready r where r.queue_id = a.queue_id), 0)::float8),
      ('oldestMs', coalesce((select extract(epoch from now() - at) * 1000 from oldest o where o.queue_id = a.queue_id), 0)::float8),
      ('failurePercent', coalesce((select 100.0 * coalesce(failed, 0) / n from ended e where e.queue_id = a.queue_id and n >= 10), 0)::float8),
      ('workers', (select count(*) from trunkline.worker w where a.name = any(w.queues) and w.beat > now() - interval '30 s')::float8)) m(measure, value)),
  crossed as (
    select m.queue_id, m.measure, round(m.value) value, l.key level, (l.value #>> '{}')::float8 bound,
      row_number() over (partition by m.queue_id, m.measure order by l.key) first
    from measured m join asked a on a.queue_id = m.queue_id, jsonb_each(a.thresholds -> m.measure) l
    where case when m.measure = 'workers' then m.value < (l.value #>> '{}')::float8 else m.value >= (l.value #>> '{}')::float8 end),
  judged as (
    select a.*, coalesce(c.crossed, '[]') now_crossed, coalesce(c.level, 'healthy') now_level,
      array_position(array['healthy', 'warning', 'critical'], coalesce(c.level, 'healthy')) - array_position(array['healthy', 'warning', 'critical'], a.level) worse
    from asked a left join lateral (
      select jsonb_agg(jsonb_build_object('measure', measure, 'value', value, 'limit', bound, 'level', level) order by level, measure) crossed, min(level) level
      from crossed c where c.queue_id = a.queue_id and c.first = 1) c on true),
  moved as (select *, worse > 0 or (worse < 0 and coalesce(better_since <= now() - $1::interval, false)) moves from judged),
  stored as (
    update trunkline.queue_health h set
      level = case when m.moves then m.now_level else h.level end,
      since = case when m.moves then now() else h.since end,
      crossed = case when m.worse < 0 and not m.moves then h.crossed else m.now_crossed end,
      better_since = case when m.worse < 0 and not m.moves then coalesce(h.better_since, now()) end
    from moved m where h.queue_id = m.queue_id and h.queue_id = any(array(select queue_id from moved))
      and (m.moves or m.now_crossed is distinct from h.crossed or (m.worse < 0) is distinct from (h.better_since is not null))),
  told as (insert into trunkline.feed(xid, no, kind, body)
    select pg_current_xact_id(), nextval('trunkline.feed_no'), 'queue_health',
      jsonb_build_object('queue', name, 'level', now_level, 'was', level, 'crossed', now_crossed) from moved where moves),
  inbox as (insert into trunkline.notification(account_id, kind, title, message)
    select a.id, 'alert', 'Queue ' || m.name || ' is ' || m.now_level,
      case when m.now_level = 'healthy' then 'It is within its thresholds again.' else (
        select string_agg(case c ->> 'measure' when 'waiting' then 'jobs waiting' when 'oldestMs' then 'milliseconds that the oldest waits'
          when 'failurePercent' then '% of ended jobs failed' else 'live workers' end || ': ' || (c ->> 'value') || ' (limit ' || (c ->> 'limit') || ')', '; ')
        from jsonb_array_elements(m.now_crossed) c) end
    from moved m join trunkline.account a on a.is_enabled and a.role in ('operator', 'admin', 'owner')
      and coalesce(a.preferences ->> 'alerts', 'all') = 'all'
      and (jsonb_typeof(a.scopes -> 'queues') is distinct from 'array' or exists (
        select from jsonb_array_elements_text(a.scopes -> 'queues') s
        where m.name like replace(replace(replace(s, '\', '\\'), '_', '\_'), '*', '%')))
    where m.moves)
select name queue, level was, now_level level, now_crossed crossed from moved where moves
