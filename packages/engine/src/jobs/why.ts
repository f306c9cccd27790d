import { type JobState, TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkJobId } from './names.ts'

const whyStatement = statement(import.meta.url, 'why.sql')

/** Why a job is not running, or how it ended. Fields that mean nothing for its reason are left out. */
export interface Why {
  jobId: string
  state: JobState
  /**
   * `due`, `scheduled`, `retrying`, `held`, `paused` · `blocked` · `running`, `prefetched`, `cancelling`, `worker_silent` · `completed`, or the
   * reason of its end.
   */
  reason: string
  /** One true sentence for people. */
  sentence: string
  /**
   * More about the reason: `no_worker`, `no_worker_for_task`, `isolated`, `slots_busy`, `queue_concurrency`, `queue_rate`, `its_turn` of `due` · `ordering`,
   * `concurrency`, `rate` of `held` · `run_at`,
   * `snoozed`, `debounced` of `scheduled` · `backoff` of `retrying`.
   */
  cause?: string
  since?: string
  /** When that changes by itself, RFC 3339. */
  until?: string
  /** `debounced`: the latest moment at which it fires. */
  latest?: string
  /** `debounced`: calls so far. */
  calls?: number
  /** Jobs before it in its queue, as far as was counted. */
  ahead?: number
  /** Live workers that serve its queue and task; their slots, and how many of those are busy. */
  workers?: number
  slots?: number
  busy?: number
  failedTries?: number
  /** The key whose limit it waits for; what that limit, or that of its queue, allows. */
  key?: string
  limit?: number
  /** The first twenty of the jobs that have what it waits for. */
  heldBy?: string[]
  workerId?: string
  leaseId?: string
  by?: string
  /** What was said when its queue was paused. */
  note?: string
  replacedBy?: string
  flowId?: string
  /** `blocked`: how many dependencies are open, and the first twenty of the jobs that it waits for. */
  open?: number
  waitsFor?: { jobId: string; task: string; state: JobState }[]
}

/** @throws `job_not_found`, `invalid_job_id` */
export async function why(database: Database, id: string): Promise<Why> {
  checkJobId(id)
  const [row] = await database.run<{ answer: Why }>(whyStatement, [id])
  if (row?.answer.state) return row.answer
  throw new TrunklineError('job_not_found', { field: 'jobId', received: id })
}
