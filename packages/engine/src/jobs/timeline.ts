import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { JobError } from './error-json.ts'
import { checkJobId } from './names.ts'
import { getJob } from './show.ts'
import type { Within } from './within.ts'

const timelineStatement = statement(import.meta.url, 'timeline.sql')

/** One execution of a job. */
export interface AttemptView {
  /** 1 for the first. */
  attempt: number
  state: 'running' | 'completed' | 'failed' | 'crashed' | 'cancelled'
  workerId: string | null
  /** Null for a job that was cancelled before it ran. */
  startedAt: Date | null
  finishedAt: Date | null
  durationMs: number | null
  error: JobError | null
}

/** Something that happened to a job. */
export interface Transition {
  at: Date
  /** `added`, `started`, `completed`, `failed`, `crashed`, `cancelled`, `retried` (by a person), `due` (a time to come). */
  event: string
  attempt: number | null
  workerId: string | null
  /** Who, where it is known. */
  by: string | null
}

/** What happened to a job, oldest first. */
export interface Timeline {
  jobId: string
  attempts: AttemptView[]
  transitions: Transition[]
}

const endings: Record<number, AttemptView['state']> = {
  0: 'running',
  1: 'failed',
  2: 'crashed',
  4: 'cancelled',
  22: 'completed',
  23: 'failed',
  24: 'cancelled',
}

function attemptView(row: any): AttemptView {
  const { started_at: startedAt, finished_at: finishedAt } = row
  return {
    attempt: row.attempt + 1,
    state: endings[row.kind >= 20 ? row.kind : row.kind % 10] ?? 'failed',
    workerId: row.worker_id === null ? null : String(row.worker_id),
    startedAt,
    finishedAt,
    durationMs: startedAt && finishedAt ? finishedAt.getTime() - startedAt.getTime() : null,
    error: row.error,
  }
}

function transitionsOf(row: any): Transition[] {
  const { attempt, state, workerId, startedAt, finishedAt } = attemptView(row)
  const made: Transition[] = []
  if (startedAt) made.push({ at: startedAt, event: 'started', attempt, workerId, by: null })
  if (finishedAt) made.push({ at: finishedAt, event: state, attempt: startedAt ? attempt : null, workerId, by: null })
  return made
}

/**
 * Every transition and execution of a job that is recorded, oldest first; at the end what is to come (`due`). When a person
 * retried it is not recorded; that it happened shows in the attempts.
 * @throws `job_not_found`, `invalid_job_id`
 */
export async function timeline(database: Database, id: string, within?: Within | null): Promise<Timeline> {
  const job = await getJob(database, checkJobId(id), within)
  const rows = await database.run(timelineStatement, [id], 'walk')
  const waits = job.state === 'pending' && (job.reason === 'scheduled' || job.reason === 'retrying')
  const plain = { attempt: null, workerId: null }
  return {
    jobId: id,
    attempts: rows.map(attemptView).filter((attempt) => attempt.startedAt !== null),
    transitions: [
      { at: job.createdAt, event: 'added', by: job.createdBy, ...plain },
      ...rows.flatMap(transitionsOf).sort((a, b) => a.at.getTime() - b.at.getTime()),
      ...(waits ? [{ at: job.runAt, event: 'due', by: null, ...plain }] : []),
    ],
  }
}
