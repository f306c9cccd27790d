import { TrunklineError } from '@trunkline/contract'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { answerOf, type JobAnswer, type Kept, refusal } from './answers.ts'
import { checkJobId } from './names.ts'

const cancelStatement = statement(import.meta.url, 'cancel.sql')

/** What a cancellation did: the job was waiting and is cancelled, it runs and its worker was told, or it had ended before. */
export type CancelAnswer = 'cancelled' | 'asked' | 'ended'

const cancelled: Record<string, CancelAnswer> = {
  ready: 'cancelled',
  scheduled: 'cancelled',
  debounce: 'cancelled',
  blocked: 'cancelled',
  running: 'asked',
}
const deleted: Record<string, string> = {
  ready: 'deleted',
  scheduled: 'deleted',
  debounce: 'deleted',
  blocked: 'deleted',
  completed: 'deleted',
  failed: 'deleted',
  cancelled: 'deleted',
}

async function places(
  database: Database,
  ids: readonly string[],
  by: string | null,
  hide: boolean,
): Promise<{ id: string; was: string; before: object | null }[]> {
  const rows = await database.run<{ id: string; was: string; before: object | null }>(cancelStatement, [numbers(ids), by, hide], 'walk')
  // a job that was never seen in a place for 100 looks: nothing was done with it
  const lost = rows.find((row) => row.was === 'moving')
  if (lost) throw new TrunklineError('internal', { problem: `job ${lost.id} stands in no place` })
  return rows
}

/** Cancels many jobs in one statement. @param kept gets what puts each of them back */
export async function cancelMany(database: Database, ids: readonly string[], by: string | null, kept?: Kept): Promise<JobAnswer[]> {
  return (await places(database, ids, by, false)).map(({ id, was, before }) => {
    if (before !== null) kept?.set(id, before)
    return answerOf('cancelled', id, was, cancelled[was])
  })
}

/**
 * Cancels a job. A waiting one never starts afterwards; a running one is told within a second, and is recorded as cancelled
 * when its handler ends or its grace is over.
 * @param by who asked, for people
 * @throws `job_not_found`, `invalid_job_id`
 */
export async function cancel(database: Database, id: string, by: string | null): Promise<CancelAnswer> {
  const [row] = await places(database, [checkJobId(id)], by, false)
  if (row?.was === 'gone') throw refusal('cancelled', id, 'gone')
  return cancelled[row?.was ?? ''] ?? 'ended'
}

/** Deletes many jobs in one statement: waiting ones are cancelled, all are hidden; running ones are left alone. */
export async function deleteMany(database: Database, ids: readonly string[], by: string | null): Promise<JobAnswer[]> {
  return (await places(database, ids, by, true)).map(({ id, was }) => answerOf('deleted', id, was, deleted[was]))
}

/**
 * Deletes a job: a waiting one is cancelled, and no list, look-up or verb finds it any more; its row goes with its partition.
 * @throws `job_not_found`, `wrong_state` for a running one, `invalid_job_id`
 */
export async function deleteJob(database: Database, id: string, by: string | null): Promise<void> {
  const [row] = await places(database, [checkJobId(id)], by, true)
  const was = row?.was ?? 'gone'
  if (!deleted[was]) throw refusal('deleted', id, was)
}
