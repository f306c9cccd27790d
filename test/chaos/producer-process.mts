// The producer of a chaos run: makes jobs in every way there is and writes down what it asked and what it was told: the first witness.
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { defineTask, type EnqueueManyOptions, Trunkline } from '../../packages/engine/src/index.ts'
import { flowLane, keysQueue, limitedLane, limitedQueue, type Making } from './more-work.ts'
import type { ProducerOrder } from './orders.ts'
import { createRandom } from './random.ts'

const { DATABASE_URL = '', HISTORY = '', SEED = '1', PER_SECOND = '50', BEGUN_AT = '0', LANES = '3', WHOLE = '' } = process.env
const lanes = Number(LANES)
let perSecond = Number(PER_SECOND)
let stopping = false
let calls = Number(BEGUN_AT)

const tell = (line: object) => appendFileSync(HISTORY, `${JSON.stringify(line)}\n`)
const asked = (keys: string[], task: string, more: object = {}) => tell({ asked: keys, task, at: Date.now(), ...more })
/** `ids` in the order of `keys`; an id that another call has made is told with `existing`. */
const ok = (keys: string[], ids: string[], existing = false) => tell({ ok: keys, ids, at: Date.now(), ...(existing ? { existing } : {}) })
const fail = (keys: string[], why: string) => tell({ fail: keys, why, at: Date.now() })
const inDoubt = (keys: string[], why: string) => tell({ inDoubt: keys, why, at: Date.now() })
const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error)

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== 'database_unavailable') throw error
      await pause(200)
    }
  }
}

const options = { connectionString: DATABASE_URL, applicationName: 'trunkline producer', queryTimeoutMs: 4000, connectTimeoutMs: 3000 }
const trunkline = await patiently(() => Trunkline.connect(options))
const retry = { attempts: 5, backoff: { curve: 'fixed', delay: 50 } } as const
const stub = (name: string, attempts = 5) => defineTask(`chaos.${name}`, { queue: 'chaos', retry: { ...retry, attempts }, run: () => {} })
const named = ['quick', 'slow', 'steps', 'flaky', 'returns', 'crash', 'leak', 'newer', 'own'].map((name) => [name, stub(name)] as const)
const once = ['block', 'stuck', 'deaf'].map(
  (name) =>
    [
      name,
      defineTask(`chaos.${name}`, {
        queue: 'chaos',
        retry: { ...retry, attempts: 1 },
        ...(name === 'deaf' ? {} : { timeout: 1000 }),
        run: () => {},
      }),
    ] as const,
)
const ofQueue = (name: string, queue: string) => [name, defineTask(`chaos.${name}`, { queue, retry, run: () => {} })] as const
const tasks = new Map([
  ...named,
  ...once,
  ['odd', stub('odd', 2)] as const,
  ofQueue('limited', limitedQueue),
  ofQueue('keyed', keysQueue),
  ['node', stub('node')] as const,
  ['bad', stub('bad', 1)] as const,
])
const task = (name: string) => tasks.get(name) ?? stub(name)

const kinds = ['quick', 'slow', 'steps', 'flaky', 'own', 'odd', 'returns'] as const
const weights = [75, 5, 5, 6, 5, 2, 2]

const runs = createRandom(Number(SEED), `calls ${BEGUN_AT}`)
function draw(): (typeof kinds)[number] {
  let left = runs.next() * 100
  for (const [i, weight] of weights.entries()) {
    left -= weight
    if (left < 0) return kinds[i] as (typeof kinds)[number]
  }
  return 'quick'
}
/** Keys of one more call that makes `n` jobs. */
function keysOf(n: number): string[] {
  const call = ++calls
  return Array.from({ length: n }, (_, i) => `${call}.${i}`)
}
const payload = (k: string) => ({ k, n: runs.between(0, 9999) })

async function one(): Promise<void> {
  const [key] = keysOf(1) as [string]
  const kind = draw()
  const more = runs.next() < 0.05 ? { delay: runs.between(100, 1500) } : runs.next() < 0.2 ? { priority: runs.between(-2, 2) } : {}
  const body = payload(key)
  asked([key], kind)
  try {
    ok([key], [(await trunkline.enqueue(task(kind), body, more)).id])
  } catch (error) {
    inDoubt([key], codeOf(error))
  }
}

/** Under a key it is asked for until there is an answer. */
async function keyed(): Promise<void> {
  const [key] = keysOf(1) as [string]
  const kind = draw()
  const body = payload(key)
  asked([key], kind, { idempotent: true })
  for (;;) {
    try {
      ok([key], [(await trunkline.enqueue(task(kind), body, { idempotencyKey: `key ${key}` })).id])
      return
    } catch (error) {
      inDoubt([key], codeOf(error))
      if (codeOf(error) !== 'database_unavailable') return
      await pause(100)
    }
  }
}

async function many(): Promise<void> {
  const keys = keysOf(runs.between(2, 12))
  const kind = draw()
  const bodies = keys.map(payload)
  asked(keys, kind)
  try {
    const jobs = await trunkline.enqueueMany(task(kind), bodies)
    ok(
      keys,
      jobs.map((job) => job.id),
    )
  } catch (error) {
    inDoubt(keys, codeOf(error))
  }
}

/** One unfinished job per key: which of them is found may be another call's. */
async function unique(): Promise<void> {
  const [key] = keysOf(1) as [string]
  const uniqueKey = `u${runs.between(0, 3)}`
  const body = payload(key)
  asked([key], 'slow', { uniqueKey })
  try {
    const job = await trunkline.enqueue(task('slow'), body, { uniqueKey })
    ok([key], [job.id], job.made === 'existing')
  } catch (error) {
    inDoubt([key], codeOf(error))
  }
}

async function inTransaction(commits: boolean, longest = 400, least = 0): Promise<void> {
  const [key] = keysOf(1) as [string]
  const kind = draw()
  const body = payload(key)
  const wait = runs.between(least, longest)
  const client = new pg.Client({
    connectionString: DATABASE_URL,
    application_name: 'trunkline producer tx',
    query_timeout: 4000,
    connectionTimeoutMillis: 3000,
  })
  client.on('error', () => {})
  asked([key], kind)
  let committing = false
  try {
    await client.connect()
    await client.query('begin')
    const { id } = await trunkline.enqueue(task(kind), body, { tx: client })
    await pause(wait)
    committing = commits
    await client.query(commits ? 'commit' : 'rollback')
    if (commits) ok([key], [id])
    else fail([key], 'rolled back')
  } catch (error) {
    // without a commit sent it cannot be there
    if (committing) inDoubt([key], codeOf(error))
    else fail([key], codeOf(error))
  } finally {
    client.end().catch(() => {})
  }
}

async function lane(): Promise<void> {
  while (!stopping) {
    const begun = performance.now()
    const way = runs.next()
    // twelve of a hundred calls make seven jobs on average
    if (way < 0.55) await one()
    else if (way < 0.75) await keyed()
    else if (way < 0.87) await many()
    else if (way < 0.91) await unique()
    else await inTransaction(way < 0.97)
    await pause(Math.max(0, (lanes * 1700 * (0.5 + runs.next())) / perSecond - (performance.now() - begun)))
  }
}

async function make(name: string, bodies: object[], more: EnqueueManyOptions = {}): Promise<void> {
  const keys = keysOf(bodies.length)
  asked(keys, name)
  try {
    const jobs = await trunkline.enqueueMany(
      task(name),
      bodies.map((body, i) => ({ ...body, k: keys[i] })),
      more,
    )
    ok(
      keys,
      jobs.map((job) => job.id),
    )
  } catch (error) {
    inDoubt(keys, codeOf(error))
  }
}

/** Jobs whose transaction commits when the workers sleep again: written while all were busy, so that nobody is told of them. */
async function late(): Promise<void> {
  await make(
    'quick',
    Array.from({ length: 900 }, (_, n) => ({ n })),
  )
  await pause(150)
  await Promise.all([1, 2, 3].map(() => inTransaction(true, 3000, 2500)))
}

const extra = new Set<Promise<void>>()
function beside(work: Promise<void>): void {
  extra.add(work)
  void work.finally(() => extra.delete(work))
}
process.on('message', (order: ProducerOrder) => {
  if (order.do === 'pace') perSecond = order.perSecond
  else if (order.do === 'make') beside(make(order.task, order.payloads, order.options))
  else stopping = true
})
process.on('disconnect', () => process.exit(73))
process.send?.({ ready: true })

const making: Making = {
  trunkline,
  task,
  keysOf,
  asked,
  ok,
  inDoubt: (keys, error) => inDoubt(keys, codeOf(error)),
  isStopping: () => stopping,
}
const more = WHOLE ? [limitedLane, flowLane] : []
// streams of their own: what the other lanes draw is as without them
const besides = more.map((work) => work(making, createRandom(Number(SEED), `${work.name} ${BEGUN_AT}`)))
await Promise.all([...Array.from({ length: lanes }, lane), ...besides])
await Promise.all([...extra])
await late()
await trunkline.close()
process.send?.({ calls })
process.exit(0)
