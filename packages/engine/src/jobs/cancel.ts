import { TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkJobId } from './names.ts'

const cancelStatement = statement(import.meta.url, 'cancel.sql')

/** What a cancellation did: the job was waiting and is cancelled, it runs and its worker was told, or it had ended before. */
export type CancelAnswer = 'cancelled' | 'asked' | 'ended'

/**
 * Cancels a job. A waiting one never starts afterwards; a running one is told within a second, and is recorded as cancelled
 * when its handler ends or its grace is over.
 * @param by who asked, for people
 * @throws `job_not_found`, `invalid_job_id`
 */
export async function cancel(database: Database, id: string, by: string | null): Promise<CancelAnswer> {
  checkJobId(id)
  for (let turn = 0; ; turn++) {
    const [row] = await database.run<{ was: string }>(cancelStatement, [id, by], 'walk')
    switch (row?.was) {
      case 'waiting':
      case 'scheduled':
        return 'cancelled'
      case 'asked':
        return 'asked'
      case 'done':
        return 'ended'
      case 'gone':
        throw new TrunklineError('job_not_found', { field: 'jobId', received: id })
    }
    // "again": between our look at the waiting places and at the leases it moved from one to the other
    if (turn >= 20) throw new TrunklineError('internal', { problem: `job ${id} stands in no place` })
    if (turn >= 3) await new Promise((resolve) => setTimeout(resolve, 10 * turn))
  }
}
