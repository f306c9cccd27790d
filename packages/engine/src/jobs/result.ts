import { TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import type { JobError } from './error-json.ts'

const resultsStatement = statement(import.meta.url, 'results.sql')

/** Waits for the ends of jobs, all of a process in one statement. */
export interface ResultWatcher {
  /**
   * Resolves with the result of a completed job. One that `awaitsCommit` of a transaction of its caller may not be there yet.
   * @throws `job_failed` (its `cause` is the stored error), `cancelled`, `job_not_found` within a second when it is not there or goes
   *   before its end was read (retention, a deletion), or the reason of `signal`
   */
  wait(id: string, options?: { signal?: AbortSignal | undefined; awaitsCommit?: boolean }): Promise<unknown>
  stop(): void
}

interface Waiter {
  /** It was seen, or its transaction has ended: when it is not there now, it will not come. */
  isStored: boolean
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

interface Ended {
  id: string
  /** Null: there is no such job. */
  status: number | null
  result: string | null
  error: JobError | null
}

/** How often it is looked whether the jobs are still there: what somebody waits for goes only by retention or by hand. */
const missingMs = 1000

function endOf({ id, status, result, error }: Ended): (waiter: Waiter) => void {
  if (status === 2) return (w) => w.resolve(result === null ? null : JSON.parse(result))
  if (status === 3) {
    return (w) => w.reject(new TrunklineError('job_failed', { job: id, problem: error?.message ?? '' }, { cause: error }))
  }
  const by = result === null ? null : JSON.parse(result).by
  return (w) => w.reject(new TrunklineError('cancelled', { job: id, by: by ? ` by ${by}` : '' }))
}

/**
 * Polls 10 ms after the first call, then ever less often up to 250 ms: cheaper than a NOTIFY for every end, which would slow
 * down all commits, and one statement serves any number of waiting callers.
 */
export function createResultWatcher(database: Database): ResultWatcher {
  const waiters = new Map<string, Set<Waiter>>()
  let timer: NodeJS.Timeout | undefined
  let pause = 10
  let missingAt = 0
  let stopped = false

  function plan(): void {
    if (timer || stopped || waiters.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      void look()
    }, pause)
  }

  async function look(): Promise<void> {
    const looksForMissing = performance.now() - missingAt >= missingMs
    if (looksForMissing) missingAt = performance.now()
    const all = [...waiters].map(([id, set]) => [id, [...set]] as const)
    let ended = 0
    try {
      for (let from = 0; from < all.length; from += 10_000) ended += await lookAt(all.slice(from, from + 10_000), looksForMissing)
      pause = ended > 0 ? 10 : Math.min(250, pause * 1.5)
    } catch (error) {
      if (!isTransient(error)) {
        for (const set of waiters.values()) for (const w of [...set]) w.reject(error)
        waiters.clear()
      }
      pause = 250
    }
    plan()
  }

  /** Tells those who wait; answers how many of the jobs have ended. */
  async function lookAt(asked: readonly (readonly [id: string, waiting: readonly Waiter[]])[], looksForMissing: boolean): Promise<number> {
    const rows = await database.run<Ended>(resultsStatement, [`{${asked.map(([id]) => id).join(',')}}`, looksForMissing])
    const ended = rows.filter((row) => row.status !== null)
    for (const row of ended) settle(row.id, endOf(row))
    if (looksForMissing) {
      const missing = new Set(rows.filter((row) => row.status === null).map((row) => row.id))
      for (const [id, waiting] of asked) {
        for (const w of waiting) {
          if (!missing.has(id)) w.isStored = true
          else if (w.isStored) w.reject(new TrunklineError('job_not_found', { field: 'jobId', received: id }))
        }
      }
    }
    return ended.length
  }

  function settle(id: string, end: (waiter: Waiter) => void): void {
    const set = waiters.get(id)
    waiters.delete(id)
    for (const w of set ?? []) end(w)
  }

  return {
    wait(id, { signal, awaitsCommit = false } = {}) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const set = waiters.get(id) ?? new Set()
        waiters.set(id, set)
        const stopListening = () => signal?.removeEventListener('abort', onAbort)
        const waiter: Waiter = {
          isStored: !awaitsCommit,
          resolve: (result) => {
            stopListening()
            resolve(result)
          },
          reject: (error) => {
            stopListening()
            forget()
            reject(error)
          },
        }
        const forget = () => {
          set.delete(waiter)
          if (set.size === 0 && waiters.get(id) === set) waiters.delete(id)
        }
        const onAbort = () => waiter.reject(signal?.reason)
        signal?.addEventListener('abort', onAbort, { once: true })
        set.add(waiter)
        pause = 10
        plan()
      })
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      for (const set of waiters.values())
        for (const w of [...set]) w.reject(new TrunklineError('database_unavailable', { problem: 'closed while waiting for a result' }))
      waiters.clear()
    },
  }
}
