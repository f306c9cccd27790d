import { limits, TrunklineError } from '@trunkline/contract'
import { assertLease, completeIn, status } from '../jobs/complete.ts'
import { jsonText } from '../jobs/json-text.ts'
import type { FeedbackWriter } from '../log/feedback-writer.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import type { Execution } from './execution.ts'

const detachStatement = statement(import.meta.url, 'detach.sql')
const stateStatement = statement(import.meta.url, 'fence-state.sql')

/**
 * How a job stands that has a lease of its own: `held` by this worker alone, locked by an `open` transaction, `ended` by this
 * worker (in a transaction of the handler), or `lost`.
 */
export type FenceState = 'held' | 'open' | 'ended' | 'lost'

/** What handlers do with their lease in transactions of their own. */
export interface Fence {
  /** See `TaskContext.assertLease`. */
  assert(execution: Execution, tx: Queryable): Promise<void>
  /** See `TaskContext.complete`. */
  complete(execution: Execution, tx: Queryable, result: unknown): Promise<void>
  state(execution: Execution): Promise<FenceState>
  /** Waits until no transaction holds the lease any more, and until `given()`; then `open` is what is left to say. */
  ended(execution: Execution, given: () => boolean): Promise<FenceState>
  /** Is a lease on its way to another number? Then nobody may compare leases. */
  moving(): boolean
}

/** Options of {@link createFence}. */
export interface FenceOptions {
  database: Database
  /** The connection of claims, so that a new lease is known here before anybody compares leases. */
  link: Link
  workerId: () => number
  writer: FeedbackWriter
  /** The job has another lease. */
  onMoved: (execution: Execution, from: number, to: number) => void
}

/** No lease has this number. */
const noLease = 0

/** Makes the {@link Fence} of a worker. */
export function createFence(options: FenceOptions): Fence {
  const { database, link, workerId, writer } = options
  let moving = 0

  const lost = (execution: Execution) => new TrunklineError('lease_lost', { job: execution.job.id })

  /** Asks again after a lost answer: the statement finds what it did before. */
  async function moveOut({ job, leaseId }: Execution): Promise<number | null> {
    for (let turn = 1; ; turn++) {
      try {
        const [row] = await link.run(detachStatement, [workerId(), leaseId, job.id])
        return row ? Number(row[0]) : null
      } catch (error) {
        if (!isTransient(error) || turn === 5) throw error
        await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** turn))
      }
    }
  }

  /** A lost lease is raised inside the transaction, so that it cannot be committed by a handler that goes on. */
  async function refuse(execution: Execution, tx: Queryable): Promise<never> {
    await assertLease(database, tx, execution.job.id, noLease)
    throw lost(execution)
  }

  async function detach(execution: Execution, tx: Queryable): Promise<void> {
    if (execution.ownLease) return
    moving++
    try {
      const leaseId = execution.over ? null : await moveOut(execution)
      // one that has ended meanwhile (nobody waited for this) is not known any more: its lease goes back to the queue by reclaim
      if (leaseId === null || execution.over) return await refuse(execution, tx)
      const before = execution.leaseId
      execution.ownLease = true
      if (leaseId === before) return
      execution.leaseId = leaseId
      options.onMoved(execution, before, leaseId)
    } finally {
      moving--
    }
  }

  async function state({ job, leaseId }: Execution): Promise<FenceState> {
    const [row] = await database.run(stateStatement, [workerId(), leaseId, job.id])
    if (row.free) return 'held'
    if (row.there) return 'open'
    return row.mine ? 'ended' : 'lost'
  }

  return {
    async assert(execution, tx) {
      const { log } = execution
      if (!execution.ownLease) {
        await writer.hold(log)
        await detach(execution, tx).finally(() => writer.release(log))
      }
      await assertLease(database, tx, execution.job.id, execution.leaseId)
    },
    async complete(execution, tx, value) {
      const { job, log, startedAt } = execution
      const result = value === undefined ? null : jsonText(value, 'result', limits.resultBytes)
      await writer.hold(log)
      try {
        await detach(execution, tx)
        const { id, queueId, taskId } = job
        const end = {
          id,
          leaseId: execution.leaseId,
          attempt: job.attempt,
          queueId,
          taskId,
          status: status.completed,
          startedAt,
          result,
          error: null,
        }
        await completeIn(database, tx, workerId(), { ...end, endedAt: performance.now() })
        execution.ownResult = { result }
      } catch (error) {
        // the transaction may hold the lease all the same: what is said now waits for the end of the handler
        if (!execution.ownLease) writer.release(log)
        throw error
      }
    },
    state,
    async ended(execution, given) {
      for (let pause = 5; ; pause = Math.min(500, pause * 2)) {
        const found = await state(execution).catch(() => 'open' as const)
        if (found !== 'open' || given()) return found
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    },
    moving: () => moving > 0,
  }
}
