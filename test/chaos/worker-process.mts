// A worker of a chaos run: its handlers write what they do into a file of its own, and a statement can be made to fail or to be
// the last one of the process.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { defineTask, type Task, type TaskContext, Trunkline } from '../../packages/engine/src/index.ts'
import { keysQueue, limitedQueue } from './more-work.ts'
import type { Order } from './orders.ts'

const { DATABASE_URL = '', EFFECTS = '', WORKER = 'w', KNOWS = 'all', WHOLE = '' } = process.env
const file = join(EFFECTS, `${WORKER}-${process.pid}`)

/** One line of the effect log: what, job, lease, attempt, time of the machine's monotonic clock in ms. A write that is done outlives us. */
function note(what: 'S' | 'E' | 'C' | 'R' | 'X', id: string | number, lease: string | number, attempt: number, words = ''): void {
  const at = Number(process.hrtime.bigint() / 1000n) / 1000
  appendFileSync(file, `${what} ${id} ${lease} ${attempt} ${at}${words ? ` ${words}` : ''}\n`)
}

// -- what the wire says ---------------------------------------------------------------------------------------------------------
let order: Order | null = null

function arrive(point: string): void {
  if (order?.do !== 'signal' || order.at !== point) return
  const { signal } = order
  order = null
  process.send?.({ arrived: point })
  process.kill(process.pid, signal)
}

/** Should the next statement fail, and with what? */
function failure(): string | null {
  if (order?.do !== 'fail') return null
  order.after--
  if (order.after > 0) return null
  const { code } = order
  order.times--
  if (order.times <= 0) order = null
  else order.after = order.every
  process.send?.({ failed: code })
  return code
}

const plainQuery = pg.Client.prototype.query as (this: pg.Client, ...of: any[]) => any
pg.Client.prototype.query = function query(this: pg.Client, ...of: any[]): any {
  const [config] = of
  const text: string = typeof config === 'string' ? config : (config?.text ?? '')
  const name: string = config?.name ?? ''
  // settings, and what begins or ends a transaction, are not statements of the engine
  if (!/^\s*(set|begin|commit|rollback|listen)\b/i.test(text) && typeof of.at(-1) !== 'function') {
    const code = failure()
    if (code === '08006') {
      ;(this as any).connection.stream.destroy()
    } else if (code) return plainQuery.call(this, `select chaos.fail('${code}')`)
  }
  const verb = name.replace('trunkline_', '')
  if (verb !== 'claim' && verb !== 'complete') return plainQuery.apply(this, of)
  arrive(`before ${verb}`)
  const asked = plainQuery.apply(this, of)
  if (verb === 'complete') {
    asked.then(
      ({ rows }: any) => {
        const ids: string[] = config.values[2].slice(1, -1).split(',')
        const leases: string[] = config.values[1].slice(1, -1).split(',')
        // of fewer than were sent nobody can tell which
        if ((rows[0]?.[0] ?? rows[0]?.n) === ids.length) for (const [i, id] of ids.entries()) note('C', id, leases[i] ?? '', 0)
      },
      () => {},
    )
  }
  asked.then(
    () => arrive(`after ${verb}`),
    () => {},
  )
  return asked
}

// -- handlers -------------------------------------------------------------------------------------------------------------------
type Context = TaskContext<any>
/** Wraps a handler in its two lines of the effect log. */
function marked(handler: (context: Context) => unknown) {
  return async (context: Context) => {
    const { id, leaseId } = context.job
    note('S', id, leaseId, context.attempt)
    try {
      return await handler(context)
    } finally {
      note('E', id, leaseId, context.attempt)
    }
  }
}

const throwing: (() => never)[] = [
  () => {
    throw null
  },
  () => {
    throw undefined
  },
  () => {
    throw { huge: 'x'.repeat(5_000_000) }
  },
  () => {
    throw Object.defineProperty({}, 'message', {
      get() {
        throw new Error('from a getter')
      },
    })
  },
  () => {
    const error = new Error('circular')
    error.cause = error
    throw error
  },
  () => {
    throw new Error('a NUL \0 and half of a pair \ud800')
  },
  () => {
    throw 'x'.repeat(3_000_000)
  },
  () => {
    throw new Proxy(new Error('behind a proxy'), {
      get() {
        throw new Error('from a trap')
      },
    })
  },
]
const odd = (n: number) => throwing[n % throwing.length]?.()

const returned = [1n, undefined, () => {}, 'x'.repeat(8_000_000), 'a NUL \0', '\ud800', Symbol('s'), Number.NaN, new Map([[1, 2]])]
const leaked: Buffer[] = []

const dying: Record<string, () => unknown> = {
  abort: () => process.abort(),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  timer: () => setTimeout(() => failLoudly(), 1),
  rejection: () => void Promise.reject(new Error('on purpose: a rejection that nobody handles')),
  exit: () => process.exit(71),
}
function failLoudly(): never {
  throw new Error('on purpose: thrown by a timer')
}

const retry = { attempts: 5, backoff: { curve: 'fixed', delay: 50 } } as const
const common = { queue: 'chaos', retry } as const
const handlers: Record<string, { more?: object; run: (context: Context) => unknown }> = {
  quick: { run: ({ input }) => pause(input.n % 8) },
  slow: { run: ({ input }) => pause(200 + (input.n % 1200)) },
  steps: {
    async run({ input, log, job, signal }) {
      for (let i = 0; i < 6; i++) {
        // on purpose also after the abort: what a zombie says must be refused
        log.info(`lease ${job.leaseId} step ${i}`)
        log.setProgress(i, 6)
        await pause(60 + (input.n % 60))
      }
      if (signal.aborted) return
    },
  },
  flaky: {
    async run({ input, attempt }) {
      await pause(input.n % 20)
      if (attempt === 1) throw new Error('on purpose')
    },
  },
  odd: { more: { retry: { ...retry, attempts: 2 } }, run: ({ input }) => odd(input.n) },
  returns: { run: ({ input }) => returned[input.n % returned.length] },
  crash: {
    async run({ input }) {
      dying[input.how]?.()
      await pause(5000)
    },
  },
  block: {
    more: { timeout: 1000, retry: { ...retry, attempts: 1 } },
    run({ input }) {
      for (const end = Date.now() + (input.ms ?? 6000); Date.now() < end; );
    },
  },
  stuck: { more: { timeout: 1000, retry: { ...retry, attempts: 1 } }, run: () => new Promise(() => {}) },
  deaf: { more: { retry: { ...retry, attempts: 1 } }, run: () => new Promise(() => {}) },
  /** Its effect and its end are one transaction. */
  own: {
    async run({ input, job, complete }) {
      const to = { connectionString: DATABASE_URL, application_name: `trunkline ${WORKER} own`, query_timeout: 4000 }
      const client = new pg.Client({ ...to, connectionTimeoutMillis: 3000 })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.query('begin')
        await client.query('insert into chaos.effect(job, lease) values ($1, $2)', [job.id, job.leaseId])
        await pause(input.n % 200)
        await complete(client)
        await pause(input.n % 100)
        await client.query('commit')
      } finally {
        client.end().catch(() => {})
      }
    },
  },
  leak: {
    async run() {
      leaked.push(Buffer.alloc(10_000_000, 1))
      await pause(5)
    },
  },
}
async function sometimes({ input, attempt }: Context): Promise<void> {
  await pause(input.n % 25)
  if (attempt === 1 && input.n % 10 === 0) throw new Error('on purpose')
}
/** What schedules, flows and limits are for. */
const more: typeof handlers = {
  limited: { more: { queue: limitedQueue }, run: sometimes },
  keyed: { more: { queue: keysQueue }, run: sometimes },
  node: { run: ({ input }) => pause(input.n % 15) },
  bad: {
    more: { retry: { ...retry, attempts: 1 } },
    run() {
      throw new Error('on purpose')
    },
  },
  tick: { run: () => pause(3) },
}
/** What only a newer version of the code knows. */
const newer = { run: ({ input }: Context) => pause(input.n % 8) }
const all = WHOLE ? { ...handlers, ...more } : handlers
const known = KNOWS === 'all' ? { ...all, newer } : all
const tasks: Task[] = Object.entries(known).map(([name, { run, ...rest }]) =>
  defineTask(`chaos.${name}`, { ...common, ...('more' in rest ? rest.more : {}), run: marked(run) }),
)

// -- life -----------------------------------------------------------------------------------------------------------------------
function die(error: unknown): void {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const expected = words.includes('on purpose')
  note('X', 0, 0, 0, words.replaceAll('\n', ' | ').slice(0, 600))
  process.exit(expected ? 71 : 70)
}
process.on('uncaughtException', die)
process.on('unhandledRejection', die)
process.on('message', (message: Order) => {
  order = message
})
process.on('disconnect', () => process.exit(73))

const trunkline = await (async () => {
  for (;;) {
    try {
      const to = { connectionString: DATABASE_URL, applicationName: `trunkline ${WORKER}`, queryTimeoutMs: 4000, connectTimeoutMs: 3000 }
      return await Trunkline.connect(to)
    } catch (error) {
      // as a supervisor would: the database is away, so another start
      if ((error as { code?: string }).code !== 'database_unavailable') throw error
      await pause(200)
    }
  }
})()

async function begin() {
  for (;;) {
    try {
      return await trunkline.work(tasks, {
        name: WORKER,
        concurrency: 5,
        heartbeatMs: 500,
        graceMs: 500,
        drainMs: 3000,
        stuck: 'replace',
        memoryLimitMb: 500,
        onReplace: () => process.exit(0),
        keeper: { staleMs: 2000, sweepMs: 200, leaseMs: 1000 },
        onEvent(event) {
          if (event.type === 'lease_lost') for (const id of event.jobIds) note('R', id, 0, 0)
        },
      })
    } catch (error) {
      if ((error as { code?: string }).code !== 'database_unavailable') throw error
      await pause(200)
    }
  }
}
const worker = await begin()
process.send?.({ ready: true })

let asked = false
function leave(): void {
  if (asked) process.exit(72)
  asked = true
  worker
    .stop()
    .then(() => trunkline.close())
    .then(() => process.exit(0), die)
}
process.on('SIGTERM', leave)
process.on('SIGINT', leave)
