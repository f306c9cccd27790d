import { cancelMany } from '../jobs/cancel.ts'
import { retryMany } from '../jobs/retry.ts'
import { type Database, type Queryable, withinTransaction } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { getFlow } from './show.ts'

const openJobsStatement = statement(import.meta.url, 'open-jobs.sql')
const endedBadlyStatement = statement(import.meta.url, 'ended-badly.sql')

/** So many jobs in one statement, newest first: their parents free none of them meanwhile. */
const atOnce = 1000

/** What a cancellation or retry of a flow did. */
export interface FlowChange {
  /** Jobs that were cancelled, or run or wait again. */
  changed: number
  /** Running jobs that were asked to end; or jobs that could not be retried. */
  others: number
}

/**
 * Cancels all jobs of a flow that have not ended; running ones are asked to end.
 * @throws `flow_not_found`, `invalid_option`
 */
export async function cancelFlow(database: Database, id: string, by: string | null): Promise<FlowChange> {
  await getFlow(database, id)
  const rows = await database.run<{ id: string }>(openJobsStatement, [id], 'walk')
  const ids = rows.map((row) => row.id).reverse()
  let changed = 0
  let others = 0
  for (let from = 0; from < ids.length; from += atOnce) {
    for (const answer of await cancelMany(database, ids.slice(from, from + atOnce), by)) {
      if (!answer.ok) continue
      if (answer.answer === 'asked') others++
      else changed++
    }
  }
  return { changed, others }
}

/**
 * Retries what failed or was cancelled in a flow: such jobs run again with fresh attempts, and those that were cancelled because
 * of them wait for them again. What has completed stays.
 * @throws `flow_not_found`, `invalid_option`
 */
export async function retryFlow(database: Database, id: string): Promise<FlowChange> {
  await getFlow(database, id)
  const work = async (tx: Queryable) => {
    const inside = withinTransaction(database, tx)
    const rows = await inside.run<{ id: string }>(endedBadlyStatement, [id])
    // in one call: a job waits for parents that are retried with it
    const answers = await retryMany(
      inside,
      rows.map((row) => row.id),
    )
    const changed = answers.filter((answer) => answer.ok).length
    return { changed, others: answers.length - changed }
  }
  return await database.transaction(work, 'walk')
}
