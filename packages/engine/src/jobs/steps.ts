import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkJobId } from './names.ts'

const stepsStatement = statement(import.meta.url, 'steps.sql')
const keepStatement = statement(import.meta.url, 'keep-step.sql')

/** What a handler does in steps that are not done again. */
export interface Steps {
  /**
   * Runs `work` once for the job: when it has returned, its result is kept, and later executions of the job (after a failed try, a crash,
   * a snooze, a retry by a person) get that without running it again. One that throws, or is cut off, runs again. Lines that are logged
   * from here on carry its name as their stage.
   * @param name 1 to 128 characters, for each step of the handler its own
   * @returns what `work` returned, as JSON keeps it, the first time as well
   * @throws what `work` throws; `result_unserialisable`, `payload_too_large` where its result cannot be kept; `lease_lost`; `invalid_option`
   * for a name that this execution had before
   * @example
   * const invoice = await step.run('create the invoice', () => createInvoice(input.order))
   * await step.run('send it', () => sendMail(invoice.url))
   */
  run<T>(name: string, work: () => T | Promise<T>): Promise<T>
}

/** A step that a job has finished. */
export interface StepView {
  readonly name: string
  /** The execution of the job that finished it, 1 for the first. */
  readonly attempt: number
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly durationMs: number
  /** What it returned, as JSON keeps it; null when it returned nothing. */
  readonly result: unknown
}

/** The finished steps of a job, in the order in which they finished. @throws `invalid_job_id` */
export async function stepsOf(database: Database, jobId: string): Promise<StepView[]> {
  const rows = await database.run(stepsStatement, [checkJobId(jobId)], 'walk')
  return rows.map(({ name, attempt, started_at: startedAt, finished_at: finishedAt, result }) => ({
    ...{ name, attempt, startedAt, finishedAt },
    durationMs: finishedAt.getTime() - startedAt.getTime(),
    result,
  }))
}

/** A step to keep. */
export interface FinishedStep {
  readonly workerId: number
  readonly leaseId: number
  readonly jobId: number
  readonly name: string
  /** Executions before this one. */
  readonly attempt: number
  readonly ms: number
  /** JSON text, null = nothing. */
  readonly result: string | null
}

/** Keeps a step; answers whether its worker still holds the job. */
export async function keepStep(database: Database, step: FinishedStep): Promise<boolean> {
  const { workerId, leaseId, jobId, name, attempt, ms, result } = step
  const rows = await database.run(keepStatement, [workerId, leaseId, jobId, name, attempt, Math.round(ms * 1000), result], 'walk')
  return rows.length > 0
}
