import { TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkJobId } from './names.ts'

const resultsStatement = statement(import.meta.url, 'bulk-results.sql')

/** Some results of a bulk action that runs, or ran, as a job. */
export interface BulkResults {
  verb: string
  by: string | null
  /** Jobs that are worked through, of all that were selected. */
  done: number
  total: number
  createdAt: Date
  results: { no: number; jobId: string; ok: boolean; answer: string | null; code: string | null; reason: string | null }[]
}

/** Results by the job that works through the action, in the order of the selection. @throws `job_not_found` for another job */
export async function bulkResults(
  database: Database,
  jobId: string,
  { after = 0, limit = 500, ok }: { after?: number; limit?: number; ok?: boolean } = {},
): Promise<BulkResults> {
  const [row] = await database.run(resultsStatement, [checkJobId(jobId), after, limit, ok ?? null])
  if (!row) throw new TrunklineError('job_not_found', { field: 'jobId', received: jobId })
  const { verb, by_whom: by, done, total, created_at: createdAt, results } = row
  return { verb, by, done, total, createdAt, results }
}
