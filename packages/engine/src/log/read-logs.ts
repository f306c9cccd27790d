import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { LogLevel } from './job-logger.ts'

const readStatement = statement(import.meta.url, 'read-logs.sql')

/** A line of a job's log. */
export interface LogEntry {
  /** Grows with each line; to resume after it. */
  no: string
  /** 1 for the first execution. */
  attempt: number
  at: Date
  level: LogLevel
  stage: string | null
  message: string
  context: unknown
}

/** Lines of a job after number `after` (default: from the start), oldest first, at most `limit` (default 1,000). */
export async function readLogs(database: Database, jobId: string, options: { after?: string; limit?: number } = {}): Promise<LogEntry[]> {
  return await database.run(readStatement, [jobId, options.after ?? '0', options.limit ?? 1000])
}
