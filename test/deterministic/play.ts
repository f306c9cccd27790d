import type { ClaimedJob } from '../../packages/engine/src/jobs/claim.ts'
import { claim } from '../../packages/engine/src/jobs/claim.ts'
import type { Completion } from '../../packages/engine/src/jobs/complete.ts'
import { promote } from '../../packages/engine/src/jobs/promote.ts'
import { reclaim, recover } from '../../packages/engine/src/jobs/recover.ts'
import type { Link } from '../../packages/engine/src/postgres/link.ts'
import type { Statement } from '../../packages/engine/src/postgres/statement.ts'
import { isTransient } from '../../packages/engine/src/postgres/transient.ts'
import { createFlusher } from '../../packages/engine/src/worker/flusher.ts'
import { createRandom, type Random } from '../chaos/random.ts'
import { type Failpoints, linkWithTurns } from './failpoints.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'

/** What a play runs on. */
export interface Stage {
  /** Every statement of the actors goes over this connection, one after the other. */
  link: Link
  queue: string
  queueId: number
  taskId: number
  /** Plain SQL of the stage hands: no turn, no failure. */
  rows(text: string, values?: unknown[]): Promise<any[]>
}

/** What happened outside the database, in its order. */
export type Effect =
  | { kind: 'acknowledged'; key: string; id: string }
  | { kind: 'started'; id: number; worker: number; lease: number; attempt: number }
  /** `handed`: given up for another try. After a lost answer nobody can tell whether it still was this worker's to give up. */
  | { kind: 'ended' | 'refused' | 'handed'; id: number; worker: number; lease: number }

/** Options of {@link play}. */
export interface PlayOptions {
  seed: number
  failpoints: Failpoints
  producers?: number
  workers?: number
}

const staleMs = 30_000
const crashLimit = 3

const ad = (name: string, text: string): Statement => ({ name, text: () => text, writes: true })
const enqueueStatement = ad(
  'enqueue',
  'select trunkline.enqueue($1, $2::jsonb, queue => $3, idempotency_key => $4, run_at => $5::timestamptz)',
)
const registerStatement = ad(
  'register',
  `insert into trunkline.worker(name, host, pid, version, state, concurrency, queues, tasks) values ('play', 'here', 1, '0', 'running', 3, $1, '{}') returning id`,
)
const beatStatement = ad('beat', 'update trunkline.worker set beat = now(), running = $2 where id = $1 returning id')
const tickStatement = ad(
  'tick',
  `with w as (update trunkline.worker set beat = beat - interval '20 s' where queues = $1), s as (update trunkline.scheduled set run_at = run_at - interval '20 s' where queue_id = $2)
  select 1`,
)

interface Cast {
  stage: Stage
  link: Link
  scheduler: Scheduler
  random: Random
  effects: Effect[]
  /** Jobs were promised and have not all been given yet. */
  busy(): boolean
}

/** Asks until the database has answered: what may have been stored is found again by its key. */
async function untilAnswered<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isTransient(error)) throw error
    }
  }
}

async function produce({ stage, link, random, effects }: Cast, name: string): Promise<void> {
  const n = random.between(1, 3)
  for (let i = 0; i < n; i++) {
    const key = `${stage.queue} ${name} ${i}`
    // the same time in each turn: another one would be another request under the same key
    const runAt = new Date(Date.now() + (random.next() < 0.25 ? 15_000 : -1000)).toISOString()
    const [row] = await untilAnswered(() => link.run(enqueueStatement, ['play', '{}', stage.queue, key, runAt]))
    effects.push({ kind: 'acknowledged', key, id: String(row?.[0]) })
  }
}

/** A worker: the statements, the flusher and the rules of the real one, without its timers and threads. */
async function work({ stage, link, scheduler, random, effects, busy }: Cast): Promise<void> {
  const { queue, queueId } = stage
  const register = async () => (await untilAnswered(() => link.run(registerStatement, [`{${queue}}`])))[0]?.[0] as number
  let id = await register()
  const held = new Map<number, ClaimedJob>()
  const handed = new Set<number>()
  const flusher = createFlusher({
    link,
    workerId: () => id,
    onSettled: (ends) => {
      for (const end of ends) {
        const refused = effects.some((e) => e.kind === 'refused' && e.id === end.id && e.worker === id && e.lease === end.leaseId)
        if (!refused) effects.push({ kind: handed.delete(end.id) ? 'handed' : 'ended', id: end.id, worker: id, lease: end.leaseId })
      }
    },
    onRefused: (ids) => {
      for (const job of ids) effects.push({ kind: 'refused', id: job, worker: id, lease: held.get(job)?.leaseId ?? 0 })
    },
    onError: () => {},
  })

  const beat = async (): Promise<boolean> => {
    try {
      return (await link.run(beatStatement, [id, `{${[...held.keys()].join(',')}}`])).length > 0
    } catch {
      return true
    }
  }

  async function take(): Promise<ClaimedJob[]> {
    try {
      const got = await claim(link, { queueId, wanted: 2, lanes: [0, 32767], hints: ['0', '0'], chunks: 2, workerId: id })
      return got?.jobs ?? []
    } catch {
      // what was claimed without our knowing goes back
      await untilAnswered(() =>
        reclaim(
          link,
          id,
          [...held.values()].map((job) => job.leaseId),
          0,
        ),
      )
      return []
    }
  }

  for (let round = 0; round < 8 && busy(); round++) {
    const jobs = await take()
    for (const job of jobs) {
      held.set(job.id, job)
      effects.push({ kind: 'started', id: job.id, worker: id, lease: job.leaseId, attempt: job.attempt + 1 })
    }
    const alive = await beat()
    // dies without a word, or stands still until it is taken for dead
    if (jobs.length > 0 && random.next() < 0.1) return flusher.stop()
    if (random.next() < 0.25) for (let i = random.between(2, 12); i > 0; i--) await scheduler.turn()
    const now = performance.now()
    for (const job of jobs) {
      const common = { id: job.id, leaseId: job.leaseId, attempt: job.attempt, startedAt: now, endedAt: now, error: null }
      const end: Completion = { ...common, queueId, taskId: job.taskId, status: 2, result: null }
      if (random.next() < 0.2) {
        handed.add(job.id)
        flusher.giveUp({ ...common, kind: random.pick([1, 2, 3]), delayMs: 0 })
      } else flusher.complete(end)
    }
    await flusher.drain()
    for (const job of jobs) held.delete(job.id)
    if (!alive) {
      held.clear()
      id = await register()
    }
  }
}

async function keep({ link, random, scheduler, stage, busy }: Cast): Promise<void> {
  for (let round = 0; round < 12 && busy(); round++) {
    try {
      if (random.next() < 0.5) await link.run(tickStatement, [`{${stage.queue}}`, stage.queueId])
      await promote(link)
      await recover(link, staleMs, crashLimit)
    } catch (error) {
      if (!isTransient(error)) throw error
    }
    for (let i = random.between(0, 3); i > 0; i--) await scheduler.turn()
  }
}

/** Everything is healed, and one good worker takes what is left: so long until nothing is. */
async function heal(stage: Stage, effects: Effect[]): Promise<void> {
  const { link, queue, queueId } = stage
  const [row] = await stage.rows(`insert into trunkline.worker(name, host, pid, version, state, concurrency, queues, tasks)
    values ('healer', 'here', 1, '0', 'running', 3, '{}', '{}') returning id`)
  const id = row.id as number
  for (let round = 0; round < 40; round++) {
    await stage.rows(`update trunkline.worker set beat = '-infinity' where queues = $1`, [`{${queue}}`])
    await stage.rows(`update trunkline.scheduled set run_at = now() - interval '1 s' where queue_id = $1`, [queueId])
    await recover(link, staleMs, crashLimit)
    await promote(link)
    const got = await claim(link, { queueId, wanted: 50, lanes: [0, 32767], hints: ['0', '0'], chunks: 50, workerId: id })
    if (!got) break
    const now = performance.now()
    for (const job of got.jobs) effects.push({ kind: 'started', id: job.id, worker: id, lease: job.leaseId, attempt: job.attempt + 1 })
    const flusher = createFlusher({
      link,
      workerId: () => id,
      onSettled: (ends) => {
        for (const end of ends) effects.push({ kind: 'ended', id: end.id, worker: id, lease: end.leaseId })
      },
      onRefused: () => {},
      onError: () => {},
    })
    for (const job of got.jobs) {
      flusher.complete({
        id: job.id,
        leaseId: job.leaseId,
        attempt: job.attempt,
        startedAt: now,
        endedAt: now,
        error: null,
        queueId,
        taskId: job.taskId,
        status: 2,
        result: null,
      })
    }
    await flusher.drain()
  }
  await stage.rows('delete from trunkline.worker where id = $1 or queues = $2', [id, `{${queue}}`])
}

/** Plays one history; answers what happened outside the database. Same seed, same failpoints: same history. */
export async function play(stage: Stage, { seed, failpoints, producers = 2, workers = 3 }: PlayOptions): Promise<Effect[]> {
  const scheduler = createScheduler(createRandom(seed, 'turns'))
  const effects: Effect[] = []
  let producing = producers
  let idle = 0
  const cast = (name: string): Cast => ({
    stage,
    scheduler,
    effects,
    random: createRandom(seed, name),
    link: linkWithTurns(stage.link, scheduler, failpoints),
    // some rounds more than there are producers, for what is retried
    busy: () => producing > 0 || idle++ < 24,
  })
  for (let i = 0; i < producers; i++) {
    scheduler.start(async () => {
      await produce(cast(`producer ${i}`), `p${i}`)
      producing--
    })
  }
  for (let i = 0; i < workers; i++) scheduler.start(() => work(cast(`worker ${i}`)))
  for (let i = 0; i < 2; i++) scheduler.start(() => keep(cast(`keeper ${i}`)))
  await scheduler.run()
  await heal(stage, effects)
  return effects
}

/** What a history has broken, in words; empty = nothing. */
export async function judge(stage: Stage, effects: readonly Effect[]): Promise<string[]> {
  const broken: string[] = []
  const jobs = await stage.rows(
    `select j.id::text, j.state, j.worker_id "workerId", j.attempt, (select count(*)::int from trunkline.attempt a where a.id = j.id) tries
    from trunkline.jobs j where queue = $1`,
    [stage.queue],
  )
  const there = new Map(jobs.map((job) => [job.id as string, job]))
  const acknowledged = effects.filter((e) => e.kind === 'acknowledged')
  if (new Set(acknowledged.map((e) => e.id)).size !== acknowledged.length) broken.push('two keys were answered with one job')
  for (const { id, key } of acknowledged) if (!there.has(id)) broken.push(`${key} was acknowledged as job ${id}, which is not there`)
  if (jobs.length !== acknowledged.length) broken.push(`${acknowledged.length} jobs were acknowledged, ${jobs.length} are there`)
  for (const job of jobs) {
    if (!['completed', 'failed'].includes(job.state)) broken.push(`job ${job.id} is left ${job.state}`)
    broken.push(...judgeJob(job, effects))
  }
  return broken
}

function judgeJob(job: { id: string; state: string; workerId: number }, effects: readonly Effect[]): string[] {
  const broken: string[] = []
  let holder: { worker: number; lease: number } | null = null
  let last = 0
  for (const effect of effects) {
    if (effect.kind === 'acknowledged' || String(effect.id) !== job.id) continue
    if (effect.kind === 'started') {
      if (effect.attempt < last) broken.push(`job ${job.id}: attempt ${effect.attempt} after ${last}`)
      last = effect.attempt
      holder = { worker: effect.worker, lease: effect.lease }
    } else if (effect.kind === 'handed') {
      if (holder?.lease === effect.lease) holder = null
    } else if (effect.kind === 'ended') {
      if (holder?.lease !== effect.lease)
        broken.push(`job ${job.id}: worker ${effect.worker} ended it by lease ${effect.lease}, held by ${holder?.lease}`)
      holder = null
    }
  }
  return broken
}
