import { TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkJobId } from './names.ts'

const retryStatement = statement(import.meta.url, 'retry.sql')

const advice: Record<string, string> = {
  completed: 'To run it once more, enqueue a new job with the same payload.',
  running: 'Wait for its end, or cancel it first.',
  pending: 'It is waiting for its turn already.',
  blocked: 'It waits for the jobs it depends on.',
}

/**
 * Runs a failed or cancelled job again: the same job with a fresh allowance of attempts.
 * @throws `job_not_found`, `wrong_state`, `invalid_job_id`
 */
export async function retry(database: Database, id: string): Promise<void> {
  checkJobId(id)
  const [row] = await database.run<{ was: string | null; state: string | null }>(retryStatement, [id], 'walk')
  if (row?.was === 'reopened') return
  if (!row?.state) throw new TrunklineError('job_not_found', { field: 'jobId', received: id })
  throw new TrunklineError('wrong_state', { job: id, state: row.state, verb: 'retried', advice: advice[row.state] ?? '' })
}
