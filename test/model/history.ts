import type pg from 'pg'
import { cancelMany, deleteMany } from '../../packages/engine/src/jobs/cancel.ts'
import { claim, isolationLane, lanesOf } from '../../packages/engine/src/jobs/claim.ts'
import { complete, status } from '../../packages/engine/src/jobs/complete.ts'
import { type NewJob, storeMany, storeMixed, storeOne } from '../../packages/engine/src/jobs/enqueue.ts'
import { giveUp } from '../../packages/engine/src/jobs/give-up.ts'
import { promote, releaseDebounced } from '../../packages/engine/src/jobs/promote.ts'
import { promoteMany } from '../../packages/engine/src/jobs/promote-now.ts'
import { recover } from '../../packages/engine/src/jobs/recover.ts'
import { rerunMany } from '../../packages/engine/src/jobs/rerun.ts'
import { retryMany } from '../../packages/engine/src/jobs/retry.ts'
import { updateMany } from '../../packages/engine/src/jobs/update.ts'
import { statement } from '../../packages/engine/src/postgres/statement.ts'
import { onOneConnection } from './engine.ts'
import { type EnqueueSaid, Model } from './model.ts'

const advanceStatement = statement(new URL('../../packages/engine/src/testing/advance.sql', import.meta.url).href, 'advance.sql')

/** Names and numbers that all histories of a connection share. */
export interface Ground {
  client: pg.Client
  queues: number[]
  task: number
}

/** Numbers from a seed (mulberry32), so that a history can be played again. */
function randomOf(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const noWords: Record<string, string> = { ready: 'due' }

/** Plays one random history on engine and model; throws where they differ, with what was done until then. */
export async function play(ground: Ground, seed: number, verbs: number): Promise<void> {
  const { client } = ground
  const said: string[] = []
  await client.query('begin')
  try {
    await playOn(ground, seed, verbs, said)
  } catch (error) {
    throw new Error(`history ${seed} after ${said.length} verbs: ${(error as Error).message}\n  ${said.join('\n  ')}`, { cause: error })
  } finally {
    await client.query('rollback')
  }
}

async function playOn({ client, queues, task }: Ground, seed: number, verbs: number, said: string[]): Promise<void> {
  const random = randomOf(seed)
  const below = (n: number) => Math.floor(random() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const { database, link } = onOneConnection(client)
  const model = new Model()
  const ids: number[] = []
  const workers: number[] = []
  const same = (what: string, engine: unknown, expected: unknown) => {
    const [a, b] = [JSON.stringify(engine), JSON.stringify(expected)]
    if (a !== b) throw new Error(`${what}: the engine says ${a}, the model ${b}`)
  }
  const some = (n: number) => [...new Set(Array.from({ length: n }, () => (ids.length === 0 || random() < 0.03 ? 999_999_999 : pick(ids))))]

  const newSaid = (): EnqueueSaid => ({
    queue: pick(queues),
    priority: pick([0, 0, 0, 5, -5]),
    payload: below(1000),
    max: pick([1, 2, 3, 5]),
    delay: random() < 0.25 ? pick([1000, 60_000, 3_600_000]) : 0,
    tags: random() < 0.2 ? [pick(['a', 'b'])] : [],
  })
  const asJob = (s: EnqueueSaid): NewJob => ({
    queueId: s.queue,
    taskId: task,
    priority: -s.priority,
    maxAttempts: s.max,
    runAt: null,
    delayMs: s.delay || null,
    timeoutMs: null,
    createdBy: null,
    tags: s.tags.length > 0 ? s.tags : null,
    rerunOf: null,
    trace: null,
    gateKeys: null,
    payload: String(s.payload),
    keys:
      s.key === undefined && s.idempotency === undefined
        ? null
        : {
            uniqueKey: s.key ?? null,
            mode: s.mode ?? 1,
            windowMs: s.window ?? null,
            maxWaitMs: s.window ? s.window * 10 : null,
            idempotencyKey: s.idempotency ?? null,
            idempotencyMs: 86_400_000,
          },
  })
  async function worker(): Promise<number> {
    if (workers.length > 0 && random() < 0.6) return pick(workers)
    const { rows } = await client.query(
      `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('m', 'h', 1, 'v', 1, '{}', '{}') returning id`,
    )
    workers.push(rows[0].id)
    return rows[0].id
  }
  const answersOf = (answers: { jobId: string; ok: boolean; code?: string; reason?: string }[]) =>
    new Map(
      answers.map((a) => [Number(a.jobId), a.ok ? 'ok' : a.code === 'wrong_state' ? /is (\w+); it/.exec(a.reason ?? '')?.[1] : a.code]),
    )
  const asked = (answers: Map<number, string>, good: readonly string[]) =>
    [...answers].map(
      ([id, v]) => [id, good.includes(v) ? 'ok' : v === 'gone' ? 'job_not_found' : v === 'key_taken' ? v : (noWords[v] ?? v)] as const,
    )
  const sameAnswers = (verb: string, engine: Map<number, unknown>, expected: Map<number, string>, good: readonly string[]) => {
    for (const [id, v] of asked(expected, good)) same(`${verb} of ${id}`, engine.get(id), v)
  }
  const openIds = () => model.leases.flatMap((l) => l.ids.map((id) => ({ id, lease: l.id, worker: l.worker })))

  const acts: Record<string, () => Promise<void>> = {
    async enqueue() {
      const s = newSaid()
      const [id] = await storeMixed(database, [asJob(s)])
      said.push(`enqueue ${id} ${JSON.stringify(s)}`)
      model.enqueue(s, Number(id))
      ids.push(Number(id))
    },
    async enqueueMany() {
      const s = newSaid()
      const n = random() < 0.05 ? 130 : 1 + below(6)
      const stored = await storeMany(
        database,
        Array.from({ length: n }, () => asJob(s)),
      )
      said.push(`enqueueMany ${stored[0]?.id}… ×${n} ${JSON.stringify(s)}`)
      const made = stored.map((x) => Number(x.id))
      model.enqueueMany(s, made)
      ids.push(...made)
    },
    async enqueueKeyed() {
      const s = newSaid()
      if (random() < 0.8) {
        s.key = pick(['k', 'l'])
        s.mode = 1 + below(4)
        s.window = s.mode > 2 ? 600_000 : pick([0, 0, 600_000])
      }
      if (s.key === undefined || random() < 0.15) s.idempotency = pick(['i', 'j'])
      await client.query('savepoint s')
      let engine: { id: number; made: string } | 'conflict'
      try {
        const stored = await storeOne(database, { add: () => Promise.reject(new Error('keyed')) }, asJob(s))
        engine = { id: Number(stored.id), made: stored.made }
      } catch (error) {
        if ((error as { detail?: string }).detail !== 'idempotency_conflict') throw error
        engine = 'conflict'
        await client.query('rollback to savepoint s')
      }
      said.push(`enqueueKeyed ${JSON.stringify(engine)} ${JSON.stringify(s)}`)
      const expected = model.enqueueKeyed(s, engine === 'conflict' ? 0 : engine.id)
      same('enqueueKeyed', engine, expected)
      if (engine !== 'conflict' && !ids.includes(engine.id)) ids.push(engine.id)
    },
    async claim() {
      const queue = pick(queues)
      const all = (await lanesOf(link, queue)).lanes.sort((a, b) => a - b)
      same('lanes', all, model.lanesOf(queue))
      const suspects = all.includes(isolationLane) && random() < 0.7
      const lanes = suspects ? [isolationLane] : all.filter((l) => l !== isolationLane)
      if (lanes.length === 0) return
      const wanted = suspects ? 1 : pick([1, 1, 2, 4])
      const by = await worker()
      const got = await claim(link, { queueId: queue, wanted, lanes, hints: lanes.map(() => '0'), chunks: wanted, workerId: by })
      const taken = got?.jobs.map((j) => j.id) ?? []
      said.push(`claim ${wanted} of ${queue} by ${by}: ${taken}`)
      const wrong = model.claim(queue, lanes, wanted, got?.leaseId ?? 0, by, taken)
      if (wrong) throw new Error(`claim: ${wrong}`)
      for (const j of got?.jobs ?? []) same(`attempt of ${j.id}`, j.attempt, model.job(j.id).attempt)
    },
    async complete() {
      const held = openIds()
      if (held.length === 0) return
      const { id, lease, worker: by } = pick(held)
      const how = random() < 0.75 ? status.completed : random() < 0.5 ? status.failed : status.cancelled
      const error = how === status.failed ? '{"message":"no","reason":"fatal"}' : null
      const end = {
        id,
        leaseId: lease,
        attempt: 0,
        status: how,
        queueId: model.job(id).queue,
        taskId: task,
        startedAt: performance.now(),
        endedAt: performance.now(),
        result: null,
        error,
      }
      said.push(`complete ${id} as ${how}`)
      same('a stranger completes', await complete(link, by + 1_000_000, [end]), 0)
      same('completed', await complete(link, by, [end]), 1)
      model.complete(id, how, how === status.failed ? 'fatal' : null)
      same('completed twice', await complete(link, by, [end]), 0)
    },
    async giveUp() {
      const held = openIds()
      if (held.length === 0) return
      const first = pick(held)
      const kind = 1 + below(3)
      const batch = held.filter((h) => h.worker === first.worker && (h.id === first.id || (kind === 3 && random() < 0.5)))
      const delay = kind === 3 ? 0 : pick([1000, 60_000])
      said.push(`giveUp ${batch.map((b) => b.id)} kind ${kind} delay ${delay}`)
      const got = await giveUp(
        link,
        first.worker,
        batch.map((b) => ({
          id: b.id,
          leaseId: b.lease,
          attempt: 0,
          kind,
          delayMs: delay,
          startedAt: performance.now(),
          endedAt: performance.now(),
          error: '{"message":"x"}',
        })),
      )
      same('given up', got.n, batch.length)
      model.giveUp(
        batch.map((b) => b.id),
        kind,
        delay,
      )
    },
    async die() {
      const holders = workers.filter((w) => model.leases.some((l) => l.worker === w))
      const by = workers.length === 0 ? null : pick(holders.length > 0 ? holders : workers)
      if (by === null) return
      const held = openIds().filter((h) => h.worker === by)
      const running = held.filter(() => random() < 0.6).map((h) => h.id)
      await client.query(`update trunkline.worker set beat = '-infinity', running = $2 where id = $1`, [by, running])
      said.push(`die ${by} running ${running} of ${held.map((h) => h.id)}`)
      const got = await recover(link, 30_000, 3)
      same('recovered', got.jobs, held.length)
      model.recover(by, running)
      workers.splice(workers.indexOf(by), 1)
    },
    async pass() {
      const ms = pick([500, 1500, 61_000, 700_000, 4_000_000])
      await database.run(advanceStatement, [ms])
      said.push(`pass ${ms}`)
      model.now += ms
    },
    async promoteDue() {
      said.push('promoteDue')
      await promote(link)
      await releaseDebounced(link)
      model.promoteDue()
    },
    async cancel() {
      const on = some(1 + below(3))
      said.push(`cancel ${on}`)
      const answers = answersOf(await cancelMany(database, on.map(String), 'm'))
      sameAnswers('cancel', answers, model.cancel(on, false), ['ready', 'scheduled', 'debounce', 'running'])
    },
    async remove() {
      const on = some(1 + below(2))
      said.push(`delete ${on}`)
      const answers = answersOf(await deleteMany(database, on.map(String), 'm'))
      sameAnswers('delete', answers, model.cancel(on, true), ['ready', 'scheduled', 'debounce', 'completed', 'failed', 'cancelled'])
    },
    async promoteNow() {
      const on = some(1 + below(3))
      said.push(`promote ${on}`)
      sameAnswers('promote', answersOf(await promoteMany(database, on.map(String))), model.promoteNow(on), ['scheduled', 'debounce'])
    },
    async update() {
      const on = some(1 + below(3))
      const change: { queue?: number; priority?: number; runAt?: number; tags?: string[] } = {}
      if (random() < 0.4) change.priority = pick([5, -5, 0])
      if (random() < 0.3) change.queue = pick(queues)
      if (random() < 0.3) change.runAt = model.now + pick([-1000, 60_000])
      if (random() < 0.3 || Object.keys(change).length === 0) change.tags = [pick(['c', 'd'])]
      said.push(`update ${on} ${JSON.stringify(change)}`)
      let at: string | null = null
      if (change.runAt !== undefined) {
        const { rows } = await client.query(`select now() + $1 * interval '1ms' as at`, [change.runAt - model.now])
        at = rows[0].at.toISOString()
      }
      const changes = {
        queueId: change.queue ?? null,
        priority: change.priority === undefined ? null : -change.priority,
        runAt: at,
        tags: change.tags ?? null,
      }
      const answers = answersOf(await updateMany(database, on.map(String), changes))
      const expected = model.update(on, change)
      const tagsOnly = Object.keys(change).length === 1 && change.tags !== undefined
      const good = ['ready', 'scheduled', 'debounce', ...(tagsOnly ? ['running', 'completed', 'failed', 'cancelled'] : [])]
      sameAnswers('update', answers, expected, good)
    },
    async retry() {
      const on = some(1 + below(3))
      said.push(`retry ${on}`)
      sameAnswers('retry', answersOf(await retryMany(database, on.map(String))), model.retry(on), ['reopened'])
    },
    async rerun() {
      const [id] = some(1) as [number]
      const names = { queueId: () => Promise.reject(new Error('no queue')) } as never
      const [answer] = await rerunMany(database, names, [String(id)])
      const made = answer?.ok ? Number(answer.answer) : null
      said.push(`rerun ${id}: ${made}`)
      const expected = new Map([[id, model.rerun(id, made)]])
      sameAnswers('rerun', answersOf(answer ? [answer] : []), expected, ['rerun'])
      if (made !== null) ids.push(made)
    },
    async pause() {
      const queue = pick(queues)
      const forMs = random() < 0.5 ? 60_000 : null
      const on = random() < 0.4
      said.push(on ? `pause ${queue} for ${forMs}` : `resume ${queue}`)
      if (on) {
        await client.query(`update trunkline.queue set paused_at = now(), paused_until = now() + $2 * interval '1ms' where id = $1`, [
          queue,
          forMs,
        ])
        model.paused.set(queue, forMs === null ? null : model.now + forMs)
      } else {
        await client.query(`update trunkline.queue set paused_at = null, paused_until = null where id = $1`, [queue])
        model.paused.delete(queue)
      }
    },
  }
  const names = Object.keys(acts)
  // each history dwells on something, or the rare states (a third crash, two ended jobs of one key) would hardly be reached
  const theme = pick([
    ['enqueue', 'enqueueMany', 'enqueueKeyed', 'claim', 'claim', 'complete', 'giveUp'],
    ['claim', 'claim', 'die', 'die', 'giveUp', 'promoteDue', 'pass'],
    ['enqueueKeyed', 'enqueueKeyed', 'claim', 'complete', 'cancel', 'retry', 'retry', 'pass'],
    ['enqueueMany', 'update', 'update', 'claim', 'giveUp', 'promoteNow'],
    ['claim', 'giveUp', 'pass', 'promoteDue', 'promoteNow', 'complete', 'retry', 'rerun'],
  ])
  for (let turn = 0; turn < verbs; turn++) {
    const act = turn < 2 ? pick(['enqueue', 'enqueueMany', 'enqueueKeyed']) : random() < 0.75 ? pick(theme) : pick(names)
    await (acts[act] as () => Promise<void>)()
  }
  await compare({ client, model, ids, same })
}

const viewText = `select id::int8::float8 id, state, reason, attempt, (select q.id from trunkline.queue q where q.name = queue) queue, priority, tags,
  rerun_of::float8 "rerunOf", payload, key from trunkline.jobs where id = any($1::int8[])`
// every job in exactly one place; a debounced one has no row yet
const placesText = `select u.id::float8 id, (select count(*) from trunkline.ready r where u.id = any(r.ids)) + (select count(*) from trunkline.scheduled s where s.id = u.id)
    + (select count(*) from trunkline.lease l where u.id = any(l.ids)) + (select count(*) from trunkline.outcome o where o.id = u.id) + (select count(*) from trunkline.debounce d where d.id = u.id) n
  from unnest($1::int8[]) u(id)`

async function compare(of: {
  client: pg.Client
  model: Model
  ids: number[]
  same: (what: string, engine: unknown, expected: unknown) => void
}): Promise<void> {
  const { client, model, ids, same } = of
  const { rows } = await client.query({ name: 'view', text: viewText, values: [ids] })
  const seen = new Map(rows.map((row) => [row.id, row]))
  for (const id of ids) same(`job ${id}`, seen.get(id) ?? null, model.view(id))
  const places = await client.query({ name: 'places', text: placesText, values: [ids] })
  for (const { id, n } of places.rows) same(`places of job ${id}`, Number(n), 1)
  const counted = await client.query({
    name: 'counted',
    text: 'select status, sum(n)::int n from trunkline.stat_delta group by 1',
    values: [],
  })
  const counts = new Map(counted.rows.map((row) => [row.status as number, row.n as number]))
  for (const status of [0, 2, 3, 4, 5, 11, 12, 13, 20, 21])
    same(`counter ${status}`, counts.get(status) ?? 0, model.counted.get(status) ?? 0)
}
