import { show, TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const stopStatement = statement(import.meta.url, 'stop-workers.sql')

/** @throws `invalid_option` unless `id` is the decimal number of a worker */
export function checkWorkerId(id: unknown): number {
  if (typeof id === 'string' && /^[1-9]\d{0,8}$/.test(id)) return Number(id)
  throw new TrunklineError('invalid_option', { field: 'workerId', received: show(id), allowed: 'the decimal number of a worker' })
}

/**
 * Asks a worker to stop: it drains within the time it was started with, hands back the rest, and is not started again by its
 * supervisor. It hears of it at once, or with its next heartbeat where LISTEN is not to be had.
 * @throws `worker_not_found`, `invalid_option`
 */
export async function stopWorker(database: Database, id: string): Promise<void> {
  const rows = await database.run(stopStatement, [[checkWorkerId(id)]])
  if (rows.length === 0) throw new TrunklineError('worker_not_found', { field: 'workerId', received: id })
}
