import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const workersStatement = statement(import.meta.url, 'workers.sql')

/** A live worker as people see it. */
export interface WorkerView {
  id: string
  name: string
  host: string
  pid: number
  version: string
  state: 'starting' | 'running' | 'stopping'
  startedAt: Date
  /** Since its last sign of life. */
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

/** Workers that have registered and were not given up, oldest first. */
export async function listWorkers(database: Database): Promise<WorkerView[]> {
  const rows = await database.run(workersStatement, [])
  return rows.map((row) => ({
    id: String(row.id),
    name: row.name,
    host: row.host,
    pid: row.pid,
    version: row.version,
    state: row.state,
    startedAt: row.started_at,
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
