import { TrunklineError } from '@trunkline/contract'
import { numbers, texts } from '../postgres/arrays.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'

const completeStatement = statement(import.meta.url, 'complete.sql')
const assertStatement = statement(import.meta.url, 'assert-lease.sql')
const verdictStatement = statement(import.meta.url, 'verdict.sql')

/** How jobs end, as stored. */
export const status = { completed: 2, failed: 3, cancelled: 4 } as const

/** The end of one job. Ages and durations are µs, so that only the clock of the database counts. */
export interface Completion {
  readonly id: number
  readonly leaseId: number
  /** Executions before this one. */
  readonly attempt: number
  readonly status: number
  readonly queueId: number
  readonly taskId: number
  /** `performance.now()` at its start and end. */
  readonly startedAt: number
  readonly endedAt: number
  /** JSON text. */
  readonly result: string | null
  /** JSON text. */
  readonly error: string | null
}

function completionValues(workerId: number, ends: readonly Completion[]): unknown[] {
  const now = performance.now()
  const n = ends.length
  const leases = new Array<number>(n)
  const ids = new Array<number>(n)
  const states = new Array<number>(n)
  const ages = new Array<number>(n)
  const durations = new Array<number>(n)
  const queues = new Array<number>(n)
  const tasks = new Array<number>(n)
  let results = false
  let errors = false
  for (let i = 0; i < n; i++) {
    const end = ends[i] as Completion
    leases[i] = end.leaseId
    ids[i] = end.id
    states[i] = end.status
    ages[i] = Math.round((now - end.startedAt) * 1000)
    durations[i] = Math.round((end.endedAt - end.startedAt) * 1000)
    queues[i] = end.queueId
    tasks[i] = end.taskId
    results ||= end.result !== null
    errors ||= end.error !== null
  }
  return [
    workerId,
    numbers(leases),
    numbers(ids),
    numbers(states),
    numbers(ages),
    numbers(durations),
    numbers(queues),
    numbers(tasks),
    results ? texts(ends.map((e) => e.result)) : null,
    errors ? texts(ends.map((e) => e.error)) : null,
  ]
}

/** Ends jobs for good; answers how many were still ours to end. */
export async function complete(link: Link, workerId: number, ends: readonly Completion[]): Promise<number> {
  const rows = await link.run(completeStatement, completionValues(workerId, ends))
  return rows[0]?.[0] as number
}

/**
 * Ends one job in the caller's transaction. The fence is asked first by a statement that raises, so that a transaction which
 * has lost its job cannot be committed by mistake.
 * @throws `lease_lost`
 */
export async function completeIn(database: Database, tx: Queryable, workerId: number, end: Completion): Promise<void> {
  const txMs = await assertLease(database, tx, end.id, end.leaseId)
  // ages count back from the start of the transaction, because that is what now() says in it
  const shifted = { ...end, startedAt: end.startedAt + txMs, endedAt: end.endedAt + txMs }
  const [row] = await database.run(completeStatement, completionValues(workerId, [shifted]), tx)
  if (row?.n !== 1) throw new TrunklineError('lease_lost', { job: end.id })
}

/**
 * Holds the fence of a job until the caller's transaction ends; answers for how long that has been open, in ms.
 * @throws `lease_lost`
 */
export async function assertLease(database: Database, tx: Queryable, id: number, leaseId: number): Promise<number> {
  const [row] = await database.run(assertStatement, [id, leaseId], tx)
  return row.open_ms
}

/** Of these executions, which did this worker itself end or put back before? The others were taken from it. */
export async function verdict(link: Link, workerId: number, of: readonly { id: number; attempt: number }[]): Promise<Set<number>> {
  const rows = await link.run(verdictStatement, [workerId, numbers(of.map((e) => e.id)), numbers(of.map((e) => e.attempt))])
  return new Set(rows.map((row) => Number(row[0])))
}
