import type { Trunkline } from '@trunkline/engine'
import { type Database, statement } from '@trunkline/engine/postgres'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const endedStatement = statement(import.meta.url, 'ended-lately.sql')

/** Figures for Prometheus. */
export interface Metrics {
  /** A call was answered. */
  answered(route: string, status: number, seconds: number): void
  /** Where the figures of sockets come from. */
  watch(sockets: SocketFigures): void
  read(): Promise<{ text: string; type: string }>
}

/** What is told of sockets and of the feed that they are fed from. */
export interface SocketFigures {
  /** Connected now. */
  count(): number
  /** Cut because they did not read. */
  cut(): number
  /** Seconds since all of the change feed was read the last time. */
  feedLagSeconds(): number
}

/** Queues with histograms of their own; those that are seen later share one name. */
const mostQueues = 200
const otherQueues = '(other)'
/** Jobs that one look takes: enough for quantiles. All are in trunkline_job_events_total. */
const mostEnded = 2000
/** What ended within so many ms may not be committed yet. */
const notYetMs = 2000

const levels = ['healthy', 'warning', 'critical']
const places = ['due', 'scheduled', 'held', 'blocked', 'running', 'completed', 'failed', 'cancelled'] as const
const events = ['added', 'completed', 'failed', 'cancelled', 'failedTries', 'crashed'] as const

/** Makes {@link Metrics}: what lies in the database is read when it is asked for. Memory, processor and event loop come with them. */
export function createMetrics(trunkline: Trunkline, database: Database): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, labelNames: string[]) => new Gauge({ name, help, labelNames, registers: [registry] })
  const jobs = gauge('trunkline_jobs', 'Jobs by queue and place', ['queue', 'state'])
  const happened = gauge('trunkline_job_events_total', 'What happened to jobs, by queue and task', ['queue', 'task', 'event'])
  const busy = gauge('trunkline_job_seconds_total', 'Seconds that completed jobs took together', ['queue', 'task'])
  const paused = gauge('trunkline_queue_paused', '1 while the queue is paused', ['queue'])
  const health = gauge('trunkline_queue_health', 'How a queue with thresholds stands: 0 healthy, 1 warning, 2 critical', ['queue'])
  const served = gauge('trunkline_queue_workers', 'Live workers that serve the queue', ['queue'])
  const workers = gauge('trunkline_workers', 'Workers by state', ['state'])
  const slots = gauge('trunkline_worker_slots', 'Slots of live workers', ['use'])
  const requests = new Histogram({
    name: 'trunkline_http_seconds',
    help: 'Answers of the API by route and status',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })

  const durations = (name: string, help: string) =>
    new Histogram({
      name,
      help: `${help}; of at most ${mostEnded} jobs for each look`,
      labelNames: ['queue'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200],
      registers: [registry],
    })
  const waited = durations('trunkline_job_wait_seconds', 'How long jobs that ended were due before their last execution began')
  const ran = durations('trunkline_job_run_seconds', 'How long the last execution of jobs that ended took')
  const sockets = gauge('trunkline_sockets', 'Sockets that are connected to this server', [])
  const cut = gauge('trunkline_sockets_cut_total', 'Sockets that this server cut because they did not read', [])
  const feedLag = gauge('trunkline_feed_lag_seconds', 'Seconds since this server had read all of the change feed', [])
  const pool = gauge('trunkline_database_pool', 'Connections of this server for identity, audit and sockets, and calls that wait for one', [
    'use',
  ])
  const known = new Set<string>()
  let endedUntil: Date | null = null
  let socketFigures: SocketFigures | null = null

  function labelOf(queue: string): string {
    if (known.size < mostQueues) known.add(queue)
    return known.has(queue) ? queue : otherQueues
  }

  async function readEnded(): Promise<void> {
    const rows = await database.run<{ queue: string | null; ran_s: number; waited_s: number | null; high: Date }>(endedStatement, [
      endedUntil,
      notYetMs,
      mostEnded,
    ])
    for (const { queue, ran_s, waited_s, high } of rows) {
      endedUntil = high
      if (queue === null) continue
      ran.observe({ queue: labelOf(queue) }, Math.max(0, ran_s))
      if (waited_s !== null) waited.observe({ queue: labelOf(queue) }, Math.max(0, waited_s))
    }
  }

  let reading: Promise<void> | null = null
  /** One look at a time: what two looks at once read would be counted twice. */
  function readEndedOnce(): Promise<void> {
    reading ??= readEnded().finally(() => {
      reading = null
    })
    return reading
  }

  function refreshServer(): void {
    sockets.set(socketFigures?.count() ?? 0)
    cut.set(socketFigures?.cut() ?? 0)
    feedLag.set(socketFigures?.feedLagSeconds() ?? 0)
    const { open, idle, waiting } = database.poolFigures()
    pool.set({ use: 'busy' }, open - idle)
    pool.set({ use: 'idle' }, idle)
    pool.set({ use: 'waiting' }, waiting)
  }

  async function refresh(): Promise<void> {
    refreshServer()
    const [queues, figures, live] = await Promise.all([trunkline.queues(), trunkline.figures(), trunkline.workers(), readEndedOnce()])
    for (const one of [jobs, happened, busy, paused, health, served, workers]) one.reset()
    for (const q of queues) {
      for (const state of places) jobs.set({ queue: q.queue, state }, q[state])
      paused.set({ queue: q.queue }, q.paused ? 1 : 0)
      if (q.health) health.set({ queue: q.queue }, levels.indexOf(q.health.level))
      served.set({ queue: q.queue }, q.workers)
    }
    for (const { queue, task, busyMs, ...counts } of figures) {
      for (const event of events) happened.set({ queue, task, event }, counts[event])
      busy.set({ queue, task }, busyMs / 1000)
    }
    for (const w of live) workers.inc({ state: w.isStale ? 'stale' : w.state })
    slots.set(
      { use: 'all' },
      live.reduce((n, w) => n + w.concurrency, 0),
    )
    slots.set(
      { use: 'busy' },
      live.reduce((n, w) => n + w.running.length, 0),
    )
  }

  return {
    answered(route, status, seconds) {
      requests.observe({ route, status: String(status) }, seconds)
    },
    watch(figures) {
      socketFigures = figures
    },
    async read() {
      await refresh()
      return { text: await registry.metrics(), type: registry.contentType }
    },
  }
}
