import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { LogLevel } from './job-logger.ts'

const readStatement = statement(import.meta.url, 'read-logs.sql')
const readBeforeStatement = statement(import.meta.url, 'read-logs-before.sql')

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

/** Which lines. */
export interface LogOptions {
  /** After this line number. Default: from the start. */
  after?: string
  /** Instead: the last lines before this number, such as the end of a long log. Answered oldest first all the same. */
  before?: string
  /** Default 1,000. */
  limit?: number
  /** Only these levels. */
  levels?: readonly LogLevel[]
  stage?: string
  /** Only lines whose message has this text, whatever its case. */
  search?: string
}

/** Lines of a job's log, oldest first. */
export async function readLogs(database: Database, jobId: string, options: LogOptions = {}): Promise<LogEntry[]> {
  const { after = '0', before, limit = 1000, levels, stage = null, search } = options
  const pattern = search === undefined ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`
  const rest = [limit, levels ? [...levels] : null, stage, pattern]
  if (before === undefined) return await database.run(readStatement, [jobId, after, ...rest])
  return (await database.run<LogEntry>(readBeforeStatement, [jobId, before, ...rest])).reverse()
}
