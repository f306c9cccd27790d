import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const reconcileStatement = statement(import.meta.url, 'reconcile.sql')
const correctStatement = statement(import.meta.url, 'correct.sql')

/** A counter that does not agree with the history. */
export interface CounterDifference {
  queue: string
  task: string
  state: 'completed' | 'failed' | 'cancelled' | 'replaced'
  counted: number
  /** In the history, or removed by retention. */
  there: number
}

const states = { 2: 'completed', 3: 'failed', 4: 'cancelled', 5: 'replaced' } as const

/**
 * Proves the counters of ended jobs against the history, which is read once from end to end: for administrators, not for pages.
 * @param repair book the differences, so that the counters agree from now on
 * @returns the differences that were found; empty = the counters are true
 */
export async function reconcileCounters(database: Database, { repair = false } = {}): Promise<CounterDifference[]> {
  // one snapshot for counters and history, and for the correction what was true in it
  return await database.transaction(async (tx) => {
    const rows = await database.run(reconcileStatement, [], tx)
    if (repair)
      for (const row of rows) await database.run(correctStatement, [row.queue_id, row.task_id, row.status, row.there - row.counted], tx)
    return rows.map(({ queue, task, status, counted, there }) => ({ queue, task, state: states[status as 2], counted, there }))
  })
}
