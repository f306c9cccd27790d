import { didYouMean, endReasons, type JobState, jobStates, pendingReasons, show, TrunklineError } from '@trunkline/contract'
import { texts } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { type Statement, statement } from '../postgres/statement.ts'
import { checkKeys, checkName } from './check-options.ts'
import { readTags, readTime } from './enqueue.ts'
import { jsonText } from './json-text.ts'
import { checkJobId, type KnownTask, type Names } from './names.ts'
import { type Within, withinJson } from './within.ts'

const load = (file: string): Statement => statement(import.meta.url, file)
const selects = {
  all: load('select-all.sql'),
  ended: load('select-ended.sql'),
  running: load('select-running.sql'),
  blocked: load('select-blocked.sql'),
  held: load('select-held.sql'),
  due: load('select-due.sql'),
  timed: load('select-timed.sql'),
  byPayload: load('select-by-payload.sql'),
}
const reachStatement = load('reach.sql')

/** Which jobs are meant: all conditions hold together. */
export interface JobFilter {
  state?: JobState
  /** A reason of a pending job (`due`, `scheduled`, `retrying`, `held`, `paused`) or of an ended one (`fatal`, `timeout`, …). */
  reason?: string
  task?: string
  queue?: string
  /** Jobs that have all of these. */
  tags?: readonly string[]
  /**
   * Values in the payload by path: `{ 'customer.id': 42 }`. A path that the task lists as searchable is found in any history;
   * others need `createdAfter` and at most 24 h.
   */
  args?: Record<string, unknown>
  createdAfter?: Date | string
  createdBefore?: Date | string
  /** Failed jobs with this cause (see `error.fingerprint`); no other state has one. */
  fingerprint?: string
}

/** Names of {@link JobFilter}. */
export const filterNames = ['state', 'reason', 'task', 'queue', 'tags', 'args', 'createdAfter', 'createdBefore', 'fingerprint'] as const

/** A checked {@link JobFilter}. */
export interface CheckedFilter {
  readonly states: readonly JobState[]
  readonly reason: string | null
  readonly task: KnownTask | null
  readonly queue: { id: number; name: string } | null
  readonly tags: readonly string[] | null
  readonly args: { path: string; value: string }[]
  readonly from: string | null
  readonly before: string | null
  readonly fingerprint: string | null
  /** Whose jobs, as the statements take it; null = everybody's. */
  readonly within: string | null
}

const day = 86_400_000

function readArgs(args: Record<string, unknown> | undefined): { path: string; value: string }[] {
  if (args === undefined) return []
  if (args === null || typeof args !== 'object' || Array.isArray(args) || Object.keys(args).length > 10) {
    throw new TrunklineError('invalid_option', { field: 'args', received: show(args), allowed: 'up to 10 payload paths with their values' })
  }
  return Object.entries(args).map(([path, value]) => {
    if (value !== null && typeof value === 'object') {
      throw new TrunklineError('invalid_option', { field: `args.${path}`, received: show(value), allowed: 'a text, number or boolean' })
    }
    return { path, value: typeof value === 'string' ? value : jsonText(value, `args.${path}`) }
  })
}

function readStates(state: JobState | undefined, reason: string | undefined): readonly JobState[] {
  if (state !== undefined && !jobStates.includes(state)) {
    throw new TrunklineError('invalid_option', {
      field: 'state',
      received: show(state),
      allowed: jobStates.join(', ') + didYouMean(String(state), jobStates),
    })
  }
  if (reason === undefined) return state === undefined ? [] : [state]
  const pending = (pendingReasons as readonly string[]).includes(reason)
  if (!pending && !(endReasons as readonly string[]).includes(reason)) {
    throw new TrunklineError('invalid_option', {
      field: 'reason',
      received: show(reason),
      allowed: [...pendingReasons, ...endReasons].join(', ') + didYouMean(String(reason), [...pendingReasons, ...endReasons]),
    })
  }
  const of: JobState = pending ? 'pending' : reason === 'cancelled' || reason === 'replaced' ? 'cancelled' : 'failed'
  if (state !== undefined && state !== of) {
    throw new TrunklineError('invalid_option', {
      field: 'reason',
      received: show(reason),
      allowed: `no reason "${reason}" for jobs that are ${state}`,
    })
  }
  return [of]
}

/** The states of a filter on a cause of failure. */
function failedOnly([state = 'failed']: readonly JobState[]): readonly JobState[] {
  if (state === 'failed') return [state]
  throw new TrunklineError('invalid_option', { field: 'state', received: show(state), allowed: 'failed, where a fingerprint is given' })
}

/** @throws `unknown_option`, `invalid_option`, `invalid_name`, `unknown_task`, `unknown_queue`, `invalid_run_at`, `query_too_broad` */
export async function readFilter(
  names: Names,
  filter: JobFilter,
  { where = 'a job filter', within }: { where?: string; within?: Within | null | undefined } = {},
): Promise<CheckedFilter> {
  checkKeys(filter, filterNames, where)
  const { task, queue, tags, createdAfter, createdBefore, fingerprint } = filter
  const states = fingerprint === undefined ? readStates(filter.state, filter.reason) : failedOnly(readStates(filter.state, filter.reason))
  const args = readArgs(filter.args)
  if (fingerprint !== undefined && !/^[0-9a-f]{16}$/.test(fingerprint)) {
    throw new TrunklineError('invalid_option', { field: 'fingerprint', received: show(fingerprint), allowed: '16 hexadecimal digits' })
  }
  const from = createdAfter === undefined ? null : readTime(createdAfter, 'createdAfter')
  const before = createdBefore === undefined ? null : readTime(createdBefore, 'createdBefore')
  const known = task === undefined ? null : await names.task(task)
  const narrow = from !== null && (before ?? new Date()).getTime() - from.getTime() <= day
  const found = args.find((a) => known?.searchable.includes(a.path))
  if (args.length > 0 && !found && !narrow) {
    throw new TrunklineError('query_too_broad', {
      field: `args.${args[0]?.path}`,
      what: `a filter on args.${args[0]?.path}`,
      advice: 'List the path as searchable in its task, or add a time range of at most 24 hours (createdAfter, createdBefore).',
    })
  }
  return {
    states,
    reason: filter.reason ?? null,
    task: known,
    queue: queue === undefined ? null : { id: await names.knownQueue(checkName(queue, 'queue')), name: queue },
    tags: tags === undefined ? null : readTags(tags),
    args,
    from: from?.toISOString() ?? null,
    before: before?.toISOString() ?? null,
    fingerprint: fingerprint ?? null,
    within: withinJson(within),
  }
}

const statuses: Partial<Record<JobState, number[]>> = { completed: [2], failed: [3], cancelled: [4, 5] }
/** Ids of one slice of the history: no statement looks at more. */
const sliceIds = 500_000
const highest = String(Number.MAX_SAFE_INTEGER)

function common(f: CheckedFilter): unknown[] {
  return [
    f.task?.id ?? null,
    f.queue?.id ?? null,
    f.tags && texts(f.tags),
    f.from,
    f.before,
    f.args.length > 0 ? JSON.stringify(f.args) : null,
  ]
}

/**
 * Ids of the jobs that a filter means, at most `limit`: newest first, pending ones in the order in which they will run.
 * @param below only ids below this one; not for `pending`
 */
export async function selectIds(database: Database, f: CheckedFilter, limit: number, below?: string): Promise<string[]> {
  const [state] = f.states
  const driver = f.args.find((a) => f.task?.searchable.includes(a.path))
  if (driver) return await selectByPayload(database, f, driver, limit, below)
  if (state === 'pending') return await selectPending(database, f, limit)
  const status = state === undefined ? undefined : statuses[state]
  if (f.reason !== null && status === undefined) return []
  if (status)
    return await selectSlices(database, selects.ended, [...common(f), `{${status}}`, f.reason, f.fingerprint, f.within], limit, below)
  if (state === 'blocked') {
    const rows = await database.run<{ id: string }>(selects.blocked, [below ?? highest, 0, limit, ...common(f), f.within], 'walk')
    return rows.map((row) => row.id)
  }
  if (state === 'running') {
    const rows = await database.run<{ id: string }>(selects.running, [below ?? highest, 0, limit, ...common(f), f.within])
    return rows.map((row) => row.id)
  }
  return await selectSlices(database, selects.all, [...common(f), f.within], limit, below)
}

async function selectSlices(database: Database, select: Statement, values: unknown[], limit: number, below?: string): Promise<string[]> {
  const [reach] = await database.run<{ id: string }>(reachStatement, [])
  const found: string[] = []
  let high = Math.min(Number(below ?? highest), Number(reach?.id ?? 0) + 1)
  while (high > 0 && found.length < limit) {
    const low = Math.max(0, high - sliceIds)
    const rows = await database.run<{ id: string }>(select, [high, low, limit - found.length, ...values])
    for (const row of rows) found.push(row.id)
    high = low
  }
  return found
}

async function selectByPayload(
  database: Database,
  f: CheckedFilter,
  driver: { path: string; value: string },
  limit: number,
  below?: string,
): Promise<string[]> {
  const others = f.args.filter((a) => a !== driver)
  const rows = await database.run<{ id: string }>(
    selects.byPayload,
    [
      below ?? highest,
      f.task?.id,
      limit,
      driver.path,
      driver.value.slice(0, 200),
      JSON.stringify(others),
      f.states[0] ?? null,
      f.queue?.name ?? null,
      f.tags && texts(f.tags),
      f.from,
      f.before,
      f.reason,
      f.fingerprint,
      f.within,
    ],
    'walk',
  )
  return rows.map((row) => row.id)
}

/** Chunks of one look at the line. */
const sliceChunks = 200

async function selectPending(database: Database, f: CheckedFilter, limit: number): Promise<string[]> {
  const found: string[] = []
  const { reason } = f
  if (reason === null || reason === 'due' || reason === 'paused') {
    let at: [number, number, string] = [0, -32768, '0']
    const paused = reason === null ? null : reason === 'paused'
    while (found.length < limit) {
      const chunks = await database.run<{ q: number; p: number; seq: string; ids: string[] }>(
        selects.due,
        [...at, ...common(f), sliceChunks, paused, f.within],
        'walk',
      )
      for (const chunk of chunks) found.push(...chunk.ids)
      const last = chunks.at(-1)
      if (!last || chunks.length < sliceChunks) break
      at = [last.q, last.p, last.seq]
    }
  }
  if (reason === null || reason === 'held') {
    const rows = await database.run<{ id: string }>(selects.held, [highest, 0, limit, ...common(f), f.within], 'walk')
    for (const row of rows.reverse()) found.push(row.id)
  }
  if (reason === null || reason === 'scheduled' || reason === 'retrying') {
    let after: [string, string] = ['-infinity', '0']
    const retrying = reason === null ? null : reason === 'retrying'
    while (found.length < limit) {
      const page = Math.min(5000, limit - found.length)
      const rows = await database.run<{ id: string; at: Date }>(selects.timed, [...after, page, ...common(f), retrying, f.within])
      for (const row of rows) found.push(row.id)
      const last = rows.at(-1)
      if (!last || rows.length < page) break
      after = [last.at.toISOString(), last.id]
    }
  }
  return found.slice(0, limit)
}

/** Checks the page of a list. @throws `invalid_option`, `invalid_job_id` */
export function readPage({ limit = 50, before }: { limit?: number; before?: string }): { limit: number; before?: string } {
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new TrunklineError('invalid_option', { field: 'limit', received: show(limit), allowed: 'a whole number from 1 to 500' })
  }
  return before === undefined ? { limit } : { limit, before: checkJobId(before, 'before') }
}
