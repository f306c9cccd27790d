import { type JobState, jobStates, show as shown, TrunklineError } from '@trunkline/contract'
import type { Progress } from '../log/job-logger.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkKeys, checkName } from './define-task.ts'
import type { JobError } from './error-json.ts'
import { checkJobId } from './names.ts'

const getStatement = statement(import.meta.url, 'get.sql')
const lists = {
  any: statement(import.meta.url, 'list.sql'),
  pending: statement(import.meta.url, 'list-pending.sql'),
  running: statement(import.meta.url, 'list-running.sql'),
  ended: statement(import.meta.url, 'list-ended.sql'),
}
const countsStatement = statement(import.meta.url, 'counts.sql')

/** A job as people see it (CONTRACT section 3). Ids are decimal text, durations ms. */
export interface JobView {
  id: string
  task: string
  queue: string
  state: JobState
  /** Why it is pending, or ended so; null otherwise. */
  reason: string | null
  priority: number
  /** Executions so far, the running one included. */
  attempt: number
  maxAttempts: number
  progress: Progress | null
  createdAt: Date
  createdBy: string | null
  runAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  waitMs: number | null
  durationMs: number | null
  workerId: string | null
  error: JobError | null
  /** What the job counted: inserts, updates, … */
  outcome: Record<string, number> | null
  payload: unknown
  result: unknown
}

/** A row of `trunkline.jobs` as a {@link JobView}. */
export function jobView(row: any): JobView {
  const known = row.progress_stage !== null || row.progress_current !== null
  return {
    id: row.id,
    task: row.task,
    queue: row.queue,
    state: row.state,
    reason: row.reason,
    priority: row.priority,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    progress: known
      ? {
          current: row.progress_current ?? 0,
          total: row.progress_total,
          unit: row.progress_unit,
          stage: row.progress_stage,
          percent: row.progress_percent,
        }
      : null,
    createdAt: row.created_at,
    createdBy: row.created_by,
    runAt: row.run_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    waitMs: row.wait_ms === null ? null : Number(row.wait_ms),
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
    workerId: row.worker_id === null ? null : String(row.worker_id),
    error: row.error,
    outcome: row.outcome,
    payload: row.payload,
    result: row.result,
  }
}

/** @throws `job_not_found`, `invalid_job_id` */
export async function getJob(database: Database, id: string): Promise<JobView> {
  checkJobId(id)
  const [row] = await database.run(getStatement, [id])
  if (!row) throw new TrunklineError('job_not_found', { field: 'jobId', received: id })
  return jobView(row)
}

/** Which jobs to list. */
export interface JobFilter {
  state?: JobState
  task?: string
  queue?: string
  /** Default 50, at most 500. */
  limit?: number
  /** Only jobs with an id below this one: the last id of the page before. Not for `pending`. */
  before?: string
}

/**
 * Jobs, newest first; pending ones in the order in which they will run. A pending list filtered by task looks at the first
 * 10,000 chunks and scheduled jobs.
 * @throws `invalid_option`, `unknown_option`, `invalid_name`, `invalid_job_id`
 */
export async function listJobs(database: Database, filter: JobFilter = {}): Promise<JobView[]> {
  checkKeys(filter, ['state', 'task', 'queue', 'limit', 'before'], 'a job filter')
  const { state, task, queue, limit = 50, before } = filter
  if (state !== undefined && !jobStates.includes(state)) {
    throw new TrunklineError('invalid_option', { field: 'state', received: shown(state), allowed: jobStates.join(', ') })
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new TrunklineError('invalid_option', { field: 'limit', received: shown(limit), allowed: 'a whole number from 1 to 500' })
  }
  if (task !== undefined) checkName(task, 'task')
  if (queue !== undefined) checkName(queue, 'queue')
  const from = before === undefined ? String(Number.MAX_SAFE_INTEGER) : checkJobId(before)
  const common = [task ?? null, queue ?? null, limit]
  const ended = { completed: 2, failed: 3, cancelled: 4 } as Record<string, number>
  let rows: any[]
  if (state === undefined) rows = await database.run(lists.any, [from, ...common])
  else if (state === 'pending') rows = await database.run(lists.pending, [0, ...common])
  else if (state === 'running') rows = await database.run(lists.running, [from, ...common])
  else if (state === 'blocked') rows = []
  else rows = await database.run(lists.ended, [from, ...common, ended[state]])
  return rows.map(jobView)
}

/** Jobs of one queue by place. */
export interface QueueCounts {
  queue: string
  due: number
  scheduled: number
  running: number
  completed: number
  failed: number
  cancelled: number
}

/** Counts by queue, from the counters: no history is counted. */
export async function countJobs(database: Database): Promise<QueueCounts[]> {
  return await database.run(countsStatement, [])
}
