import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const figuresStatement = statement(import.meta.url, 'figures.sql')

/** What happened to the jobs of one queue and task since there are counters. */
export interface JobFigures {
  queue: string
  task: string
  added: number
  completed: number
  failed: number
  cancelled: number
  failedTries: number
  crashed: number
  /** Milliseconds that completed jobs took together. */
  busyMs: number
}

/** Reads {@link JobFigures} from the counters: no history is counted. */
export async function readFigures(database: Database): Promise<JobFigures[]> {
  const rows = await database.run(figuresStatement, [])
  return rows.map(({ failed_tries: failedTries, busy_ms: busyMs, ...row }) => ({ ...row, failedTries, busyMs }))
}
