import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { answerOf, type JobAnswer, refusal } from './answers.ts'
import { checkJobId } from './names.ts'

const promoteNowStatement = statement(import.meta.url, 'promote-now.sql')

const promoted: Record<string, string> = { scheduled: 'promoted', debounce: 'promoted' }

async function places(database: Database, ids: readonly string[]): Promise<{ id: string; was: string }[]> {
  const rows = await database.run<{ id: string; was: string }>(promoteNowStatement, [numbers(ids)], 'walk')
  return rows.map(({ id, was }) => ({ id, was: was === 'ready' ? 'due' : was }))
}

/** Puts many jobs that wait for their time in line now. */
export async function promoteMany(database: Database, ids: readonly string[]): Promise<JobAnswer[]> {
  return (await places(database, ids)).map(({ id, was }) => answerOf('promoted', id, was, promoted[was]))
}

/**
 * Puts a job that waits for its time (scheduled, retrying, snoozed, debounced) in line now.
 * @throws `job_not_found`, `wrong_state`, `invalid_job_id`
 */
export async function promoteNow(database: Database, id: string): Promise<void> {
  const [row] = await places(database, [checkJobId(id)])
  const was = row?.was ?? 'gone'
  if (!promoted[was]) throw refusal('promoted', id, was)
}
