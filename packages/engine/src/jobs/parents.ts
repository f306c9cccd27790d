import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { JobError } from './error-json.ts'
import { checkJobId } from './names.ts'

const parentsStatement = statement(import.meta.url, 'parents.sql')

/** What a job that another depends on came to. */
export interface ParentView {
  id: string
  /** Its name within the flow. */
  name: string | null
  task: string
  /** How it ended; null while it has not. */
  state: 'completed' | 'failed' | 'cancelled' | null
  result: unknown
  error: JobError | null
}

/** What the jobs came to that a job depends on, oldest first. @throws `invalid_job_id` */
export async function parentsOf(database: Database, jobId: string): Promise<ParentView[]> {
  const rows = await database.run(parentsStatement, [checkJobId(jobId)], 'walk')
  return rows.map(({ id, node, task, state, result, error }) => ({ id, name: node, task, state, result, error }))
}
