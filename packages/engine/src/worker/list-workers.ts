import { checkKeys } from '../jobs/check-options.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const workersStatement = statement(import.meta.url, 'workers.sql')

/** A worker as people see it. */
export interface WorkerView {
  id: string
  name: string
  host: string
  pid: number
  version: string
  /** `stopped` and `lost` (given up as dead) are past: `endedAt` says when. */
  state: 'starting' | 'running' | 'stopping' | 'stopped' | 'lost'
  startedAt: Date
  endedAt: Date | null
  /** It lives by its row, but was not heard of for 30 s: the next sweep gives it up. */
  isStale: boolean
  /** It lives and runs another version than the live worker that was started last. */
  drift: boolean
  /** Name under which it is the only one. */
  singleton: string | null
  /** It was asked to stop. */
  stopWanted: boolean
  /** Since its last sign of life; of a past one, since its end. */
  beatAgeMs: number
  concurrency: number
  queues: string[]
  tasks: string[]
  /** Jobs in its slots, as of its last sign of life. */
  running: string[]
  /** Jobs it holds, prefetched ones included. */
  held: number
  rssBytes: number | null
  cpuPercent: number | null
  loopLagMs: number | null
}

/** Options of {@link listWorkers}. */
export interface WorkerListOptions {
  /** Also those that ended within the last 7 days. Default false. */
  past?: boolean
}

const staleMs = 30_000

/**
 * Workers that have registered and were not given up, oldest first; with `past` those that have ended stand before them.
 * @throws `unknown_option`
 */
export async function listWorkers(database: Database, options: WorkerListOptions = {}): Promise<WorkerView[]> {
  checkKeys(options, ['past'], 'workers')
  const rows = await database.run(workersStatement, [options.past === true])
  return rows.map((row) => ({
    id: String(row.id),
    name: row.name,
    host: row.host,
    pid: row.pid,
    version: row.version,
    state: row.state,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    isStale: row.ended_at === null && row.beat_age_ms > staleMs,
    drift: row.drift,
    singleton: row.singleton,
    stopWanted: row.stop_wanted,
    beatAgeMs: Math.max(0, Math.round(row.beat_age_ms)),
    concurrency: row.concurrency,
    queues: row.queues,
    tasks: row.tasks,
    running: row.running,
    held: row.held,
    rssBytes: row.rss === null ? null : Number(row.rss),
    cpuPercent: row.cpu_percent,
    loopLagMs: row.loop_lag_ms,
  }))
}
