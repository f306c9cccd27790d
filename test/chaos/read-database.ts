import { setTimeout as pause } from 'node:timers/promises'
import type { Trunkline } from '../../packages/engine/src/index.ts'
import type { Witnesses } from './witnesses.ts'

type Ask = (sql: string | string[], values?: unknown[]) => Promise<any[]>

/** The database's side, when everybody has gone. */
export async function readDatabase(
  ask: Ask,
  admin: Trunkline,
): Promise<Pick<Witnesses, 'jobs' | 'events' | 'slots' | 'edges' | 'counters' | 'countedAdded' | 'left'>> {
  const events =
    await ask(`select no::int, (extract(epoch from at) * 1000)::float8 at, (extract(epoch from begun) * 1000)::float8 begun, tx::text, kind,
    lease::int, worker, ids::int[], attempts, codes, (extract(epoch from beat) * 1000)::float8 beat, words from chaos.event order by no`)
  const jobs =
    await ask(`select j.id::int, coalesce(j.payload ->> 'k', 'slot') key, t.name task, j.key "uniqueKey", j.max_attempts "maxAttempts",
      case when o.id is not null then json_build_object('status', o.status, 'attempt', o.attempt, 'worker', o.worker_id, 'code', o.error ->> 'code', 'reason', o.error ->> 'reason') end outcome,
      coalesce((select json_agg(json_build_object('attempt', attempt, 'kind', kind % 10)) from trunkline.attempt a where a.id = j.id), '[]') tries,
      (select count(*)::int from chaos.effect e where e.job = j.id) effects,
      array_remove(array[case when r.id is not null then 'ready' end, case when s.id is not null then 'scheduled' end, case when l.id is not null then 'lease' end,
        case when b.id is not null then 'blocked' end, case when h.id is not null then 'held' end], null) places,
      q.name queue, j.gate_keys "gateKeys",
      case when g.schedule_id is not null then json_build_object('schedule', g.schedule_id, 'at', (extract(epoch from g.slot_at) * 1000)::float8) end slot
    from trunkline.job j join trunkline.queue q on q.id = j.queue_id left join trunkline.blocked b on b.id = j.id left join trunkline.held h on h.id = j.id
      left join trunkline.origin g on g.job_id = j.id join trunkline.task t on t.id = j.task_id left join trunkline.outcome o on o.id = j.id left join trunkline.scheduled s on s.id = j.id
      left join (select distinct unnest(ids) id from trunkline.ready) r on r.id = j.id left join (select distinct unnest(ids) id from trunkline.lease) l on l.id = j.id
    order by j.id`)
  const [{ added }] =
    (await ask(`select coalesce(sum(n), 0)::int added from (select status, n from trunkline.stat union all select status, n from trunkline.stat_delta) s
    where status = 0`)) as [{ added: number }]
  const slots = await ask(
    `select schedule_id schedule, (extract(epoch from slot_at) * 1000)::float8 at, state from trunkline.slot where not manual`,
  )
  const edges = await ask(
    `select parent::int, child::int, case policy when 0 then 'cancel' else 'run' end "onFailure" from trunkline.dependency`,
  )
  const counters = await admin.reconcile()
  return {
    slots: slots as Witnesses['slots'],
    edges: edges as Witnesses['edges'],
    events: events as Witnesses['events'],
    jobs: jobs as Witnesses['jobs'],
    counters,
    countedAdded: added,
    left: await leftOver(ask),
  }
}

/** What should be gone with the processes or the jobs: connections, transactions, locks, rows of workers, what jobs had at gates, open dependencies. */
async function leftOver(ask: Ask): Promise<string[]> {
  const here = `datname = current_database() and pid <> pg_backend_pid() and application_name like 'trunkline%'`
  const connections = () => ask(`select application_name, state from pg_stat_activity where ${here}`)
  for (let turn = 0; turn < 40 && (await connections()).length > 0; turn++) await pause(50)
  const workers = await ask('select id, name, state from trunkline.worker')
  const locks = await ask(
    `select count(*)::int n from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
  )
  const [rest] =
    await ask(`select (select count(*) from trunkline.permit)::int permits, (select count(*) from trunkline.dependency where open)::int dependencies,
    (select count(*) from trunkline.late)::int late`)
  return [
    ...Object.entries(rest).flatMap(([what, n]) => (n === 0 ? [] : [`${n} ${what} are left`])),
    ...(await connections()).map((c) => `a connection is left: ${c.application_name}, ${c.state}`),
    ...workers.map((w) => `worker ${w.id} (${w.name}) is left as ${w.state}`),
    ...(locks[0].n > 0 ? [`${locks[0].n} advisory locks are left`] : []),
  ]
}
