import { type Duration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkKeys, checkName } from './check-options.ts'
import type { QueuePause } from './define-task.ts'
import { readTime } from './enqueue.ts'
import type { Names } from './names.ts'

const pauseStatement = statement(import.meta.url, 'pause-queue.sql')
const pauseByJobStatement = statement(import.meta.url, 'pause-by-job.sql')
const resumeStatement = statement(import.meta.url, 'resume-queue.sql')

/** Options of a pause. */
export interface PauseOptions {
  /** What people are told, at most 500 characters. */
  reason?: string
  /** When it ends by itself. Default: when somebody resumes the queue. */
  until?: Date | string
  /** The same as a duration from now. */
  for?: Duration
  /** Who asked, for people. */
  by?: string
}

/** By the clock of the caller where a time is given, by that of the database where a duration is. */
function readEnd(options: PauseOptions): { until: string | null; forMs: number | null } {
  if (options.until !== undefined && options.for !== undefined) {
    throw new TrunklineError('invalid_option', { field: 'for', received: 'given together with until', allowed: 'one of until, for' })
  }
  return {
    until: options.until === undefined ? null : readTime(options.until, 'until').toISOString(),
    forMs: options.for === undefined ? null : toMilliseconds(options.for, 'for'),
  }
}

function readText(value: unknown, field: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' && value.length <= 500 && !value.includes('\0') && value.isWellFormed()) return value
  throw new TrunklineError('invalid_option', { field, received: show(value), allowed: 'text of at most 500 characters' })
}

/**
 * Pauses a queue: no job of it starts until its end, or until it is resumed; what runs goes on. Pausing it again changes end
 * and reason.
 * @throws `unknown_queue`, `invalid_option`, `invalid_run_at`, `invalid_duration`
 */
export async function pauseQueue(database: Database, names: Names, queue: string, options: PauseOptions = {}): Promise<void> {
  checkKeys(options, ['reason', 'until', 'for', 'by'], 'pause')
  const { until, forMs } = readEnd(options)
  const values = [checkName(queue, 'queue'), until, readText(options.reason, 'reason'), readText(options.by, 'by'), forMs]
  if ((await database.run(pauseStatement, values)).length === 0) await names.knownQueue(queue)
}

/** Resumes a queue. One that is not paused stays as it is. @throws `unknown_queue` */
export async function resumeQueue(database: Database, names: Names, queue: string): Promise<void> {
  if ((await database.run(resumeStatement, [checkName(queue, 'queue')])).length === 0) await names.knownQueue(queue)
}

/** Resumes all queues whose pause is over, so that sleeping workers hear of it. */
export async function endPauses(database: Database): Promise<void> {
  await database.run(resumeStatement, [null])
}

/** @throws `invalid_option`, `unknown_option`, `invalid_run_at`, `invalid_duration` */
export function readQueuePause(pause: QueuePause): { until: string | null; forMs: number | null; reason: string | null } {
  checkKeys(pause, ['for', 'until', 'reason'], 'pauseQueue')
  if (pause.for === undefined && pause.until === undefined) {
    throw new TrunklineError('invalid_option', { field: 'pauseQueue', received: 'no end', allowed: 'one of for, until' })
  }
  return { ...readEnd(pause), reason: readText(pause.reason, 'reason') }
}

/** Pauses a queue in the name of a job of it; a pause that is there and ends later, or not by itself, stays. */
export async function pauseByJob(database: Database, queue: string, jobId: string, pause: QueuePause): Promise<void> {
  const { until, forMs, reason } = readQueuePause(pause)
  await database.run(pauseByJobStatement, [queue, until, reason, `job ${jobId}`, forMs])
}
