import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type EnqueueManyOptions, Trunkline } from '../../packages/engine/src/index.ts'
import type { Cluster } from './cluster.ts'
import { readEffects } from './effects.ts'
import { readHistory } from './history.ts'
import type { Order, ProducerOrder } from './orders.ts'
import { prepareSchema, startSchedules } from './prepare.ts'
import { type FaultyProxy, startProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { readDatabase } from './read-database.ts'
import type { ChaosLimits, ChaosSchedule, Violation, Witnesses } from './witnesses.ts'

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
  make(task: string, payloads: object[], options?: EnqueueManyOptions): void
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
  /**
   * Seconds for which schedules fire. With it there are also flows, and jobs of a queue with limits; the other work is the same.
   * Default: none of these.
   */
  scheduledFor?: number
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
  const { cluster, random, seed, root = here, workers: count = 3, perSecond = 50, lanes = 3, scheduledFor } = options
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-witness-'))
  const effects = join(folder, 'effects')
  mkdirSync(effects)
  const history = join(folder, 'history.jsonl')
  const database = `chaos_${++scenes}`
  await cluster.ask(`create database ${database}`)
  await prepareSchema(root, cluster.url(database))
  const ask = (sql: string | string[], values?: unknown[]) => cluster.ask(sql, database, values)
  await ask(readFileSync(new URL('./witness.sql', import.meta.url), 'utf8'))
  const admin = await Trunkline.connect({ connectionString: cluster.url(database), applicationName: 'admin' })
  const whole: { limits: ChaosLimits[]; schedules: ChaosSchedule[] } =
    scheduledFor === undefined ? { limits: [], schedules: [] } : await startSchedules(admin, scheduledFor)
  const wholeEnv = scheduledFor === undefined ? {} : { WHOLE: '1' }
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
        const env = {
          DATABASE_URL: place.settings.url ?? url,
          EFFECTS: effects,
          WORKER: name,
          ...wholeEnv,
          ...options.env,
          ...place.settings.env,
        }
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
      ...wholeEnv,
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
      + (select count(*) from trunkline.debounce) + (select count(*) from trunkline.blocked) + (select count(*) from trunkline.held)
      + (select count(*) from trunkline.schedule where next_slot is not null) + greatest(0, (select count(*) from trunkline.worker) - ${all().length}) n`).then(
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
    make: (task, payloads, given) => tell({ do: 'make', task, payloads, ...(given ? { options: given } : {}) }),
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
      ...whole,
      clockMs: Date.now() - Number(process.hrtime.bigint()) / 1e6,
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
