import { TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import type { JobError } from './error-json.ts'

const resultsStatement = statement(import.meta.url, 'results.sql')

/** Waits for the ends of jobs, all of a process in one statement. */
export interface ResultWatcher {
  /**
   * Resolves with the result of a completed job.
   * @throws `job_failed` (its `cause` is the stored error), `cancelled`, or the reason of `signal`
   */
  wait(id: string, signal?: AbortSignal): Promise<unknown>
  stop(): void
}

interface Waiter {
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

/**
 * Polls 10 ms after the first call, then ever less often up to 250 ms: cheaper than a NOTIFY for every end, which would slow
 * down all commits, and one statement serves any number of waiting callers.
 */
export function createResultWatcher(database: Database): ResultWatcher {
  const waiters = new Map<string, Set<Waiter>>()
  let timer: NodeJS.Timeout | undefined
  let pause = 10
  let stopped = false

  function plan(): void {
    if (timer || stopped || waiters.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      void look()
    }, pause)
  }

  async function look(): Promise<void> {
    const ids = [...waiters.keys()].slice(0, 10_000)
    try {
      const rows = await database.run(resultsStatement, [`{${ids.join(',')}}`])
      for (const row of rows) settle(row)
      pause = rows.length > 0 ? 10 : Math.min(250, pause * 1.5)
    } catch (error) {
      if (!isTransient(error)) {
        for (const set of waiters.values()) for (const w of set) w.reject(error)
        waiters.clear()
      }
      pause = 250
    }
    plan()
  }

  function settle(row: { id: string; status: number; result: string | null; error: JobError | null }): void {
    const set = waiters.get(row.id)
    waiters.delete(row.id)
    for (const w of set ?? []) {
      if (row.status === 2) w.resolve(row.result === null ? null : JSON.parse(row.result))
      else if (row.status === 3) {
        w.reject(new TrunklineError('job_failed', { job: row.id, problem: row.error?.message ?? '' }, { cause: row.error }))
      } else {
        const by = row.result === null ? null : JSON.parse(row.result).by
        w.reject(new TrunklineError('cancelled', { job: row.id, by: by ? ` by ${by}` : '' }))
      }
    }
  }

  return {
    wait(id, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const set = waiters.get(id) ?? new Set()
        waiters.set(id, set)
        const stopListening = () => signal?.removeEventListener('abort', onAbort)
        const waiter: Waiter = {
          resolve: (result) => {
            stopListening()
            resolve(result)
          },
          reject: (error) => {
            stopListening()
            reject(error)
          },
        }
        const onAbort = () => {
          set.delete(waiter)
          if (set.size === 0 && waiters.get(id) === set) waiters.delete(id)
          reject(signal?.reason)
        }
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
        for (const w of set) w.reject(new TrunklineError('database_unavailable', { problem: 'closed while waiting for a result' }))
      waiters.clear()
    },
  }
}
