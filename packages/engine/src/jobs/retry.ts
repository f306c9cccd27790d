import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { answerOf, type JobAnswer, refusal } from './answers.ts'
import { checkJobId } from './names.ts'

const lockStatement = statement(import.meta.url, 'lock-for-retry.sql')
const retryStatement = statement(import.meta.url, 'retry.sql')

async function reopen(database: Database, ids: readonly string[]): Promise<{ id: string; was: string }[]> {
  const list = numbers(ids)
  return await database.transaction(async (tx) => {
    await database.run(lockStatement, [list], tx)
    return await database.run<{ id: string; was: string }>(retryStatement, [list], tx)
  }, 'walk')
}

/** Runs many failed or cancelled jobs again, in one transaction. */
export async function retryMany(database: Database, ids: readonly string[]): Promise<JobAnswer[]> {
  return (await reopen(database, ids)).map(({ id, was }) => answerOf('retried', id, was, was === 'reopened' ? 'reopened' : undefined))
}

/**
 * Runs a failed or cancelled job again: the same job with a fresh allowance of attempts.
 * @throws `job_not_found`, `wrong_state`, `key_taken`, `invalid_job_id`
 */
export async function retry(database: Database, id: string): Promise<void> {
  const [row] = await reopen(database, [checkJobId(id)])
  if (row?.was !== 'reopened') throw refusal('retried', id, row?.was ?? 'gone')
}
