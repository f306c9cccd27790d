import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Trunkline } from '../../packages/engine/src/index.ts'
import { migrate, openDatabase } from '../../packages/engine/src/postgres/index.ts'
import type { Violation, Witnesses } from './checker.ts'
import type { Cluster } from './cluster.ts'
import { readEffects } from './effects.ts'
import { readHistory } from './history.ts'
import type { Order, ProducerOrder } from './orders.ts'
import { type FaultyProxy, startProxy } from './proxy.ts'
import type { Random } from './random.ts'

/** Heartbeat 500 ms; see worker-process.mts. */
export const staleMs = 2000

/** A worker process, and the place that its successors take. */
export interface WorkerPlace {
  readonly name: string
  readonly pid: number
  /** Is it claiming? */
  readonly ready: boolean
  /** Processes that this place has had. */
  readonly started: number
  signal(signal: NodeJS.Signals): void
  /** Has it do something to itself; resolves with what it tells when it does, or null when it does not within `withinMs`. */
  order(order: Order, withinMs: number): Promise<object | null>
}

/** How a worker process is started. */
export interface WorkerSettings {
  /** Default: by way of the proxy. */
  url?: string
  env?: Record<string, string>
}

/** What faults act on: a cluster, a database in it, a proxy before it, workers, a producer. */
export interface Scene {
  readonly cluster: Cluster
  readonly database: string
  readonly proxy: FaultyProxy
  readonly random: Random
  readonly workers: readonly WorkerPlace[]
  /** Places are not filled again while this is off. */
  replacing(on: boolean): void
  /** One more place, until it is closed. */
  addWorker(name: string, settings: WorkerSettings): { place: WorkerPlace; close(): Promise<void> }
  /** Starts the next processes of a place with other settings; null = as before. */
  configure(place: WorkerPlace, settings: WorkerSettings | null): void
  /** kill -9 of the producer; another one goes on. */
  killProducer(): void
  /** Has the producer make jobs of a task. */
  make(task: string, payloads: object[]): void
  /** The way in past the proxy, for what an administrator would do. */
  readonly admin: Trunkline
  /** Statements on the database itself. */
  ask(sql: string | string[], values?: unknown[]): Promise<any[]>
  /** Waits until `look` answers something truthy; null when it does not. */
  until<T>(look: () => T | Promise<T>, ms: number): Promise<T | null>
  /** Every place has a process that claims, and there is a producer. */
  allReady(ms: number): Promise<boolean>
  /** No more jobs; waits until all work is done, then ends all processes. @returns what did not end, as violations */
  drain(ms: number): Promise<Violation[]>
  witnesses(): Promise<Witnesses>
  close(): Promise<void>
}

/** Options of {@link openScene}. */
export interface SceneOptions {
  cluster: Cluster
  random: Random
  seed: number
  workers?: number
  perSecond?: number
  /** Callers at once. Default 3. */
  lanes?: number
  /** The source tree from which processes are started. Default: this one. */
  root?: string
  /** Environment of all worker processes. */
  env?: Record<string, string>
}

const here = fileURLToPath(new URL('../..', import.meta.url))
const tsx = import.meta.resolve('tsx')
let scenes = 0

function startChild(root: string, file: string, env: Record<string, string>): ChildProcess {
  const args = ['--conditions=trunkline-source', '--max-old-space-size=400', '--import', tsx, join(root, 'test/chaos', file)]
  return spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

/** Makes a database and starts everything on it. */
export async function openScene(options: SceneOptions): Promise<Scene> {
  const { cluster, random, seed, root = here, workers: count = 3, perSecond = 50, lanes = 3 } = options
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-witness-'))
  const effects = join(folder, 'effects')
  mkdirSync(effects)
  const history = join(folder, 'history.jsonl')
  const database = `chaos_${++scenes}`
  await cluster.ask(`create database ${database}`)
  const opened = openDatabase({ connectionString: cluster.url(database) })
  await migrate(opened)
  await opened.close()
  const ask = (sql: string | string[], values?: unknown[]) => cluster.ask(sql, database, values)
  await ask(readFileSync(new URL('./witness.sql', import.meta.url), 'utf8'))
  const admin = await Trunkline.connect({ connectionString: cluster.url(database), applicationName: 'admin' })
  const proxy = await startProxy(cluster.url(database))
  const url = proxy.through(cluster.url(database))
  const deaths: string[] = []
  let replacing = true
  let closing = false

  async function until<T>(look: () => T | Promise<T>, ms: number): Promise<T | null> {
    for (const end = Date.now() + ms; ; ) {
      const found = await look()
      if (found) return found
      if (Date.now() > end) return null
      await pause(25)
    }
  }

  // -- workers ------------------------------------------------------------------------------------------------------------------
  interface Place extends WorkerPlace {
    child: ChildProcess | null
    settings: WorkerSettings
    open: boolean
    start(): void
  }

  function judgeDeath(name: string, code: number | null, signal: NodeJS.Signals | null, words: string): void {
    // ended by a fault or its own handler: signals; 0 stopped, 71 thrown on purpose, 72 told twice, 73 we are gone
    if (signal || code === null || [0, 71, 72, 73].includes(code)) return
    deaths.push(`worker ${name} ended with code ${code}: ${words.trim().slice(-600) || lastWords(name)}`)
  }

  function lastWords(name: string): string {
    return readEffects(effects).findLast((e) => e.what === 'X' && e.process.startsWith(`${name}-`))?.words ?? 'no last words'
  }

  function makePlace(name: string, settings: WorkerSettings): Place {
    let started = 0
    let ready = false
    const answers = new Set<(message: object) => void>()
    const place: Place = {
      name,
      settings,
      open: true,
      child: null,
      get pid() {
        return place.child?.pid ?? 0
      },
      get ready() {
        return ready
      },
      get started() {
        return started
      },
      start() {
        if (place.child || !place.open || closing) return
        started++
        ready = false
        const env = { DATABASE_URL: place.settings.url ?? url, EFFECTS: effects, WORKER: name, ...options.env, ...place.settings.env }
        const child = startChild(root, 'worker-process.mts', env)
        place.child = child
        let words = ''
        child.stderr?.on('data', (part) => {
          words = `${words}${part}`.slice(-2000)
        })
        child.on('message', (message: object) => {
          if ('ready' in message) ready = true
          else for (const answer of answers) answer(message)
        })
        child.on('error', () => {})
        child.once('exit', (code, signal) => {
          place.child = null
          ready = false
          judgeDeath(name, code, signal, words)
          if (replacing) place.start()
        })
      },
      signal(signal) {
        place.child?.kill(signal)
      },
      order(order, withinMs) {
        return new Promise((resolve) => {
          const done = (message: object | null) => {
            answers.delete(done)
            clearTimeout(timer)
            resolve(message)
          }
          const timer = setTimeout(() => done(null), withinMs)
          answers.add(done)
          if (place.child?.connected) place.child.send(order, () => {})
        })
      },
    }
    return place
  }

  const places: Place[] = Array.from({ length: count }, (_, i) => makePlace(`w${i + 1}`, {}))
  const extra = new Set<Place>()
  const all = () => [...places, ...extra]
  for (const place of places) place.start()

  async function endAll(of: readonly Place[], ms: number): Promise<Place[]> {
    for (const place of of) place.open = false
    for (const place of of) place.signal('SIGCONT')
    for (const place of of) place.signal('SIGTERM')
    await until(() => of.every((p) => !p.child), ms)
    const left = of.filter((p) => p.child)
    for (const place of left) place.signal('SIGKILL')
    await until(() => of.every((p) => !p.child), 5000)
    return left
  }

  // -- producer -----------------------------------------------------------------------------------------------------------------
  let producer: ChildProcess | null = null
  let producerWords = ''
  let producing = false
  let feeding = true
  function startProducer(): void {
    // the next one's keys begin behind those of the last
    const begunAt = existsSync(history) ? readHistory(history).reduce((most, { key }) => Math.max(most, Number.parseInt(key, 10)), 0) : 0
    const env = {
      DATABASE_URL: url,
      HISTORY: history,
      SEED: String(seed),
      PER_SECOND: String(perSecond),
      LANES: String(lanes),
      BEGUN_AT: String(begunAt),
    }
    producing = false
    const child = startChild(root, 'producer-process.mts', env)
    producer = child
    child.stderr?.on('data', (part) => {
      producerWords = `${producerWords}${part}`.slice(-2000)
    })
    child.on('error', () => {})
    child.on('message', (message: object) => {
      if ('ready' in message) producing = true
    })
    child.once('exit', (code, signal) => {
      producer = null
      if (signal === 'SIGKILL' && feeding && !closing) return startProducer()
      if (code !== 0 && !closing) deaths.push(`the producer ended with code ${code}: ${producerWords.trim().slice(-600)}`)
    })
  }
  startProducer()
  const tell = (order: ProducerOrder) => {
    if (producer?.connected) producer.send(order, () => {})
  }

  const open = () =>
    ask(`select (select count(*) from trunkline.ready) + (select count(*) from trunkline.scheduled) + (select count(*) from trunkline.lease)
      + (select count(*) from trunkline.debounce) + greatest(0, (select count(*) from trunkline.worker) - ${all().length}) n`).then(
      ([row]) => Number(row.n),
      () => -1,
    )

  async function drain(ms: number): Promise<Violation[]> {
    const unfinished: Violation[] = []
    const begun = Date.now()
    replacing = true
    for (const place of all()) place.start()
    await until(() => producing, 10_000)
    feeding = false
    tell({ do: 'stop' })
    if ((await until(() => producer === null, Math.min(ms, 20_000))) === null) {
      unfinished.push({ invariant: 'I2', sentence: 'the producer got no answers within 20 s after the heal' })
      producer?.kill('SIGKILL')
    }
    // one that has not begun yet would be killed by SIGTERM, and nobody is left to find that out
    await until(() => all().every((p) => p.ready), 15_000)
    const left = Math.max(1000, ms - (Date.now() - begun))
    if ((await until(async () => (await open()) === 0, left)) === null)
      unfinished.push({ invariant: 'I2', sentence: `work was left ${Math.round((Date.now() - begun) / 1000)} s after the heal` })
    replacing = false
    const stillborn = all()
      .filter((place) => place.child && !place.ready)
      .map((place) => place.name)
    for (const place of await endAll(all(), 12_000))
      unfinished.push({ invariant: 'I12', sentence: `worker ${place.name} did not stop within 12 s of SIGTERM` })
    if (stillborn.length > 0) await sweepStillborn(stillborn)
    return unfinished
  }

  /**
   * A process that was told to end before it had begun dies of the signal and has only its row; no keeper is left to find that stale.
   * Only where every row that is left is of such a process: one of a worker that stopped in order is a finding.
   */
  async function sweepStillborn(names: readonly string[]): Promise<void> {
    await pause(staleMs)
    const left = await ask('select name, state from trunkline.worker')
    if (left.every((row) => row.state === 'starting' && names.includes(row.name))) await admin.cleanupWorkers({ staleMs })
  }

  return {
    cluster,
    database,
    proxy,
    random,
    get workers() {
      return places
    },
    admin,
    ask,
    until,
    replacing(on) {
      replacing = on
      if (on) for (const place of all()) place.start()
    },
    addWorker(name, settings) {
      const place = makePlace(name, settings)
      extra.add(place)
      place.start()
      return {
        place,
        async close() {
          await endAll([place], 8000)
          extra.delete(place)
        },
      }
    },
    configure(place, settings) {
      ;(place as Place).settings = settings ?? {}
    },
    killProducer: () => {
      producer?.kill('SIGKILL')
    },
    make: (task, payloads) => tell({ do: 'make', task, payloads }),
    async allReady(ms) {
      return (await until(() => producing && all().every((p) => p.ready), ms)) === true
    },
    drain,
    witnesses: async () => ({
      calls: readHistory(history),
      effects: readEffects(effects),
      ...(await readDatabase(ask, admin)),
      deaths,
      staleMs,
    }),
    async close() {
      closing = true
      replacing = false
      for (const place of all()) {
        place.open = false
        place.signal('SIGKILL')
      }
      producer?.kill('SIGKILL')
      await until(() => all().every((p) => !p.child) && producer === null, 5000)
      await admin.close()
      await proxy.stop()
      await cluster.ask(`drop database if exists ${database} with (force)`).catch(() => {})
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The database's side, when everybody has gone. */
async function readDatabase(
  ask: Scene['ask'],
  admin: Trunkline,
): Promise<Pick<Witnesses, 'jobs' | 'events' | 'counters' | 'countedAdded' | 'left'>> {
  const events =
    await ask(`select no::int, (extract(epoch from at) * 1000)::float8 at, (extract(epoch from begun) * 1000)::float8 begun, tx::text, kind,
    lease::int, worker, ids::int[], attempts, codes, (extract(epoch from beat) * 1000)::float8 beat, words from chaos.event order by no`)
  const jobs = await ask(`select j.id::int, j.payload ->> 'k' key, t.name task, j.key "uniqueKey", j.max_attempts "maxAttempts",
      case when o.id is not null then json_build_object('status', o.status, 'attempt', o.attempt, 'worker', o.worker_id, 'code', o.error ->> 'code', 'reason', o.error ->> 'reason') end outcome,
      coalesce((select json_agg(json_build_object('attempt', attempt, 'kind', kind % 10)) from trunkline.attempt a where a.id = j.id), '[]') tries,
      (select count(*)::int from chaos.effect e where e.job = j.id) effects,
      array_remove(array[case when r.id is not null then 'ready' end, case when s.id is not null then 'scheduled' end, case when l.id is not null then 'lease' end], null) places
    from trunkline.job j join trunkline.task t on t.id = j.task_id left join trunkline.outcome o on o.id = j.id left join trunkline.scheduled s on s.id = j.id
      left join (select distinct unnest(ids) id from trunkline.ready) r on r.id = j.id left join (select distinct unnest(ids) id from trunkline.lease) l on l.id = j.id
    order by j.id`)
  const [{ added }] =
    (await ask(`select coalesce(sum(n), 0)::int added from (select status, n from trunkline.stat union all select status, n from trunkline.stat_delta) s
    where status = 0`)) as [{ added: number }]
  const counters = await admin.reconcile()
  return {
    events: events as Witnesses['events'],
    jobs: jobs as Witnesses['jobs'],
    counters,
    countedAdded: added,
    left: await leftOver(ask),
  }
}

/** What should be gone with the processes: connections, transactions, locks, rows of workers. */
async function leftOver(ask: Scene['ask']): Promise<string[]> {
  const here = `datname = current_database() and pid <> pg_backend_pid() and application_name like 'trunkline%'`
  const connections = () => ask(`select application_name, state from pg_stat_activity where ${here}`)
  for (let turn = 0; turn < 40 && (await connections()).length > 0; turn++) await pause(50)
  const workers = await ask('select id, name, state from trunkline.worker')
  const locks = await ask(
    `select count(*)::int n from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
  )
  return [
    ...(await connections()).map((c) => `a connection is left: ${c.application_name}, ${c.state}`),
    ...workers.map((w) => `worker ${w.id} (${w.name}) is left as ${w.state}`),
    ...(locks[0].n > 0 ? [`${locks[0].n} advisory locks are left`] : []),
  ]
}
