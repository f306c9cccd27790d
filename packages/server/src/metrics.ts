import type { Trunkline } from '@trunkline/engine'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Figures for Prometheus. */
export interface Metrics {
  /** A call was answered. */
  answered(route: string, status: number, seconds: number): void
  read(): Promise<{ text: string; type: string }>
}

const places = ['due', 'scheduled', 'blocked', 'running', 'completed', 'failed', 'cancelled'] as const
const events = ['added', 'completed', 'failed', 'cancelled', 'failedTries', 'crashed'] as const

/** Makes {@link Metrics}: what lies in the database is read when it is asked for. Memory, processor and event loop come with them. */
export function createMetrics(trunkline: Trunkline): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, labelNames: string[]) => new Gauge({ name, help, labelNames, registers: [registry] })
  const jobs = gauge('trunkline_jobs', 'Jobs by queue and place', ['queue', 'state'])
  const happened = gauge('trunkline_job_events_total', 'What happened to jobs, by queue and task', ['queue', 'task', 'event'])
  const busy = gauge('trunkline_job_seconds_total', 'Seconds that completed jobs took together', ['queue', 'task'])
  const paused = gauge('trunkline_queue_paused', '1 while the queue is paused', ['queue'])
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

  async function refresh(): Promise<void> {
    const [queues, figures, live] = await Promise.all([trunkline.queues(), trunkline.figures(), trunkline.workers()])
    for (const one of [jobs, happened, busy, paused, served, workers]) one.reset()
    for (const q of queues) {
      for (const state of places) jobs.set({ queue: q.queue, state }, q[state])
      paused.set({ queue: q.queue }, q.paused ? 1 : 0)
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
    async read() {
      await refresh()
      return { text: await registry.metrics(), type: registry.contentType }
    },
  }
}
