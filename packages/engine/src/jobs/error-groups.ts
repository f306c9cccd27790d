import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { JobError } from './error-json.ts'
import { maskMessage } from './fingerprint.ts'
import { type Within, withinJson } from './within.ts'

const listStatement = statement(import.meta.url, 'error-groups.sql')
const setStatement = statement(import.meta.url, 'set-error-group.sql')

/** How a cause of failures stands: `new` in its first day, `regressed` = it came back after it was resolved. */
export const errorStates = ['new', 'ongoing', 'resolved', 'regressed', 'ignored'] as const
/** One of {@link errorStates}. */
export type ErrorState = (typeof errorStates)[number]

/** Failures of one cause. */
export interface ErrorGroup {
  fingerprint: string
  task: string
  state: ErrorState
  /** The message without what differs from failure to failure. */
  message: string
  /** The latest failure. */
  error: JobError
  /** Failures within the time that was looked at. */
  count: number
  firstSeen: Date
  lastSeen: Date
  /** Failures by hour. */
  hours: { at: Date; count: number }[]
  /** The latest of the jobs, at most five. */
  jobs: string[]
  ignoredUntil: Date | null
  by: string | null
  note: string | null
}

/** Which causes. */
export interface ErrorGroupOptions {
  /** Failures since then. Default: of 7 days. */
  from?: string
  state?: ErrorState
  fingerprint?: string
  /** Default 50. */
  limit?: number
  within?: Within | null
}

/** So many failures are looked at; beyond them counts are of the latest. */
const mostFailures = 20_000
const week = 7 * 86_400_000

/** Failures grouped by cause, the latest first. `isWhole` = no failure of that time was left out. */
export async function listErrorGroups(
  database: Database,
  options: ErrorGroupOptions = {},
): Promise<{ groups: ErrorGroup[]; isWhole: boolean }> {
  const { from = new Date(Date.now() - week).toISOString(), state = null, fingerprint = null, limit = 50, within } = options
  const rows = await database.run(listStatement, [from, mostFailures, fingerprint, state, limit, withinJson(within)])
  const groups = rows.map((row) => ({
    fingerprint: row.fingerprint,
    task: row.task,
    state: row.state,
    message: maskMessage(row.error.message),
    error: row.error,
    count: row.n,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    hours: (row.hours ?? []).map(([at, count]: [string, number]) => ({ at: new Date(at), count })),
    jobs: row.jobs,
    ignoredUntil: row.ignored_until,
    by: row.by_whom,
    note: row.note,
  }))
  return { groups, isWhole: (rows[0]?.looked ?? 0) < mostFailures }
}

/** What somebody says of a cause. */
export interface ErrorGroupChange {
  fingerprint: string
  state: 'ongoing' | 'resolved' | 'ignored'
  /** Of `ignored`: until then; default for good. */
  ignoredUntil?: string
  by?: string
  note?: string
}

/** Sets the state of a cause. */
export async function setErrorGroup(database: Database, { fingerprint, state, ignoredUntil, by, note }: ErrorGroupChange): Promise<void> {
  await database.run(setStatement, [fingerprint, state, ignoredUntil ?? null, by ?? null, note ?? null])
}
