import { show, TrunklineError } from '@trunkline/contract'
import { checkKeys } from './jobs/check-options.ts'
import { type Recovered, recover } from './jobs/recover.ts'
import { forgetWorkers } from './keeper/forget-workers.ts'
import type { Database } from './postgres/database.ts'
import type { Statement } from './postgres/statement.ts'

/** Options of {@link cleanupWorkers}. */
export interface CleanupOptions {
  /** A worker that was not heard of for so long is given up. Whole number of ms from 1000, default 30,000. */
  staleMs?: number
}

/** What a clean-up did. */
export interface Cleanup extends Omit<Recovered, 'workers'> {
  /** Numbers of the workers that were given up. */
  workers: string[]
  /** Workers that had ended and are remembered no more. */
  forgotten: number
}

/** The keeper's default. */
const crashLimit = 3

/**
 * Gives up stale workers at once, as the keeper's next sweep would, and forgets those that have ended: both or nothing.
 * @throws `invalid_option`, `unknown_option`
 */
export async function cleanupWorkers(database: Database, options: CleanupOptions = {}): Promise<Cleanup> {
  checkKeys(options, ['staleMs'], 'cleanupWorkers')
  const { staleMs = 30_000 } = options
  if (!Number.isInteger(staleMs) || staleMs < 1000) {
    const allowed = 'a whole number of milliseconds from 1000'
    throw new TrunklineError('invalid_option', { field: 'staleMs', received: show(staleMs), allowed })
  }
  return await database.transaction(async (tx) => {
    const rows = async (statement: Statement, values: unknown[]) =>
      (await database.run<Record<string, any>>(statement, values, tx)).map((row) => Object.values(row))
    // first: what is given up now is still worth remembering
    const forgotten = await forgetWorkers({ run: rows }, 0)
    const { jobs, poisoned, workers } = await recover({ run: rows }, staleMs, crashLimit)
    return { jobs, poisoned, workers: workers.map(String), forgotten }
  }, 'walk')
}
