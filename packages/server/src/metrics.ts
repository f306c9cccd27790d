import type { Trunkline } from '@trunkline/engine'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Figures for Prometheus. */
export interface Metrics {
  read(): Promise<{ text: string; type: string }>
}

/** Of these the histograms of waiting and running are made. */
const buckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200]

/** So many changes are looked at with one read; what is beyond comes with the next. */
const mostChanges = 5000

/** Makes {@link Metrics}: gauges are read when they are asked for, histograms grow by the change feed between two reads. */
export function createMetrics(trunkline: Trunkline): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, labelNames: string[]) => new Gauge({ name, help, labelNames, registers: [registry] })
  const jobs = gauge('trunkline_jobs', 'Jobs by queue and state', ['queue', 'state'])
  const paused = gauge('trunkline_queue_paused', '1 while the queue is paused', ['queue'])
  const workers = gauge('trunkline_workers', 'Live workers by state', ['state'])
  const slots = gauge('trunkline_worker_slots', 'Slots of live workers', ['use'])
  const lag = gauge('trunkline_feed_changes_total', 'Changes of the feed seen by this server', [])
  const wait = new Histogram({ name: 'trunkline_scrape_seconds', help: 'How long these figures took', buckets, registers: [registry] })
  let cursor: string | undefined
  let seen = 0

  async function refresh(): Promise<void> {
    const [queues, live, page] = await Promise.all([
      trunkline.queues(),
      trunkline.workers(),
      trunkline.changes(cursor === undefined ? {} : { after: cursor, limit: mostChanges }).catch(() => trunkline.changes()),
    ])
    cursor = page.cursor
    seen += page.changes.length
    lag.set(seen)
    jobs.reset()
    paused.reset()
    for (const q of queues) {
      for (const state of ['due', 'scheduled', 'running', 'completed', 'failed', 'cancelled'] as const) {
        jobs.set({ queue: q.queue, state }, q[state])
      }
      paused.set({ queue: q.queue }, q.paused ? 1 : 0)
    }
    workers.reset()
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
    async read() {
      const end = wait.startTimer()
      await refresh()
      end()
      return { text: await registry.metrics(), type: registry.contentType }
    },
  }
}
