import type { Duration } from '@trunkline/contract'
import { texts } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { BackoffOption } from './backoff.ts'
import type { JobError } from './error-json.ts'
import { checkJobId } from './names.ts'

const stepsStatement = statement(import.meta.url, 'steps.sql')
const keepStatement = statement(import.meta.url, 'keep-step.sql')
const planStatement = statement(import.meta.url, 'plan-steps.sql')
const beginStatement = statement(import.meta.url, 'begin-step.sql')
const endStatement = statement(import.meta.url, 'end-step.sql')
const skipStatement = statement(import.meta.url, 'skip-steps.sql')

/** Where a step is. `crashed`: it ran when its worker died, and has not begun again yet. */
export type StepState = 'waiting' | 'running' | 'completed' | 'failed' | 'crashed' | 'cancelled' | 'skipped'

/** One try of a step, as its work sees it. */
export interface StepTry {
  /** Aborts with the job's own signal, and when the time of the step is over. */
  readonly signal: AbortSignal
  /** 1 for the first try within this execution of the job. */
  readonly attempt: number
}

/** What may be said of a step. */
export interface StepOptions {
  /** How long one try may take; its signal aborts then. Work that has not ended 15 s later is left behind, and the job's try with it. Default: no limit. */
  timeout?: Duration
  /**
   * `attempts`: tries within one execution of the job, 1 to 1000, default 1; see {@link BackoffOption} for the waits between them. In a wait
   * of more than 5 s the job gives its slot back and goes on with this step when it is over (a {@link Snooze}: let it through).
   */
  retry?: { attempts?: number; backoff?: BackoffOption }
}

/** A step that is known beforehand. */
export interface PlannedStep {
  readonly name: string
  /** The task whose handler it runs, for people. */
  readonly task?: string
}

/** What a handler does in steps that are not done again. */
export interface Steps {
  /**
   * Runs `work` once for the job: when it has returned, its result is kept, and later executions of the job (after a failed try, a crash,
   * a snooze, a retry by a person) get that without running it again. One that throws, or is cut off, runs again. Lines that are logged
   * from here on carry its name as their stage.
   * One that was planned or has options is also seen while it runs and where it failed, at the cost of a statement more.
   * @param name 1 to 128 characters, for each step of the handler its own
   * @returns what `work` returned, as JSON keeps it, the first time as well
   * @throws what `work` throws in its last try; `timeout`; `result_unserialisable`, `payload_too_large` where its result cannot be kept;
   * `lease_lost`; `invalid_option`, `unknown_option`, `invalid_duration`, also for a name that this execution had before
   * @example
   * const invoice = await step.run('create the invoice', () => createInvoice(input.order))
   * await step.run('send it', ({ signal }) => sendMail(invoice.url, signal), { timeout: '30s', retry: { attempts: 3 } })
   */
  run<T>(name: string, work: (one: StepTry) => T | Promise<T>, options?: StepOptions): Promise<T>
  /**
   * Says which steps there will be, in their order: they are seen as waiting, and the progress of the job counts them.
   * @returns where each step of the job is; `failed` = its tries of an earlier execution were used up
   * @throws `lease_lost`, `invalid_option`
   * @example await step.plan([{ name: 'extract' }, { name: 'load' }])
   */
  plan(steps: readonly PlannedStep[]): Promise<ReadonlyMap<string, StepState>>
  /** Skips planned steps that wait. @throws `lease_lost` */
  skip(names: readonly string[]): Promise<void>
}

/** An earlier try of a step. */
export interface StepTryView {
  /** The execution of the job that it was part of, 1 for the first. */
  readonly attempt: number
  /** `handed_back`: its worker stopped, or it snoozed. */
  readonly state: 'completed' | 'failed' | 'crashed' | 'cancelled' | 'handed_back'
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly error: JobError | null
}

/** A step of a job. */
export interface StepView {
  readonly name: string
  /** The task whose handler it runs, where it was planned so. */
  readonly task: string | null
  readonly state: StepState
  /** The execution of the job that worked on it last, 1 for the first. */
  readonly attempt: number
  /** How often it began. */
  readonly tries: number
  /** Of its latest try. */
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly durationMs: number | null
  /** What its latest try failed with. */
  readonly error: JobError | null
  /** What it returned, as JSON keeps it; null when it returned nothing. */
  readonly result: unknown
  /** The tries before the latest, oldest first; at most 20. */
  readonly earlier: readonly StepTryView[]
}

const time = (text: string | null) => (text === null ? null : new Date(text))

/** The steps of a job, in their order. @throws `invalid_job_id` */
export async function stepsOf(database: Database, jobId: string): Promise<StepView[]> {
  const rows = await database.run(stepsStatement, [checkJobId(jobId)], 'walk')
  return rows.map(({ name, task, state, attempt, tries, started_at: startedAt, finished_at: finishedAt, error, result, earlier }) => ({
    ...{ name, task, state, attempt, tries, startedAt, finishedAt, error, result },
    durationMs: startedAt && finishedAt ? finishedAt.getTime() - startedAt.getTime() : null,
    earlier: ((earlier ?? []) as any[]).map((one) => ({ ...one, startedAt: time(one.startedAt), finishedAt: time(one.finishedAt) })),
  }))
}

/** Whose step it is. */
export interface StepHolder {
  readonly workerId: number
  readonly leaseId: number
  readonly jobId: number
}

/** A step to keep. */
export interface FinishedStep extends StepHolder {
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

/** The steps that a job will have. */
export interface StepPlan extends StepHolder {
  readonly attempt: number
  readonly steps: readonly PlannedStep[]
}

/** Plans steps; answers where each step of the job is, null when the worker holds the job no more. */
export async function planSteps(database: Database, plan: StepPlan): Promise<Map<string, StepState> | null> {
  const { workerId, leaseId, jobId, attempt, steps } = plan
  const names = texts(steps.map((s) => s.name))
  const tasks = texts(steps.map((s) => s.task ?? null))
  const rows = await database.run<{ name: string; state: StepState }>(
    planStatement,
    [workerId, leaseId, jobId, attempt, names, tasks],
    'walk',
  )
  return rows.length > 0 ? new Map(rows.map(({ name, state }) => [name, state])) : null
}

/** A try of a step that begins. */
export interface BegunStep extends StepHolder {
  readonly name: string
  readonly attempt: number
}

/** What was before a try. */
export interface StepPast {
  /** Tries that failed within this attempt of the job. */
  readonly failedTries: number
  /** What became of the try before, null for the first. */
  readonly became: StepTryView['state'] | null
}

/** Begins a try of a step; null when the worker holds the job no more. */
export async function beginStep(database: Database, { workerId, leaseId, jobId, name, attempt }: BegunStep): Promise<StepPast | null> {
  const [row] = await database.run(beginStatement, [workerId, leaseId, jobId, name, attempt], 'walk')
  return row ? { failedTries: row.failed_tries, became: row.became } : null
}

/** A try of a step that ended. */
export interface EndedStep extends StepHolder {
  readonly name: string
  readonly state: Exclude<StepState, 'crashed' | 'running' | 'skipped'>
  /** JSON text, null = none. */
  readonly error: string | null
  /** JSON text, null = nothing. */
  readonly result: string | null
  /** Does it count as a failed try? */
  readonly hasFailed: boolean
}

/** Ends a try of a step; answers whether the worker still holds the job. */
export async function endStep(database: Database, step: EndedStep): Promise<boolean> {
  const { workerId, leaseId, jobId, name, state, error, result, hasFailed } = step
  const rows = await database.run(endStatement, [workerId, leaseId, jobId, name, state, error, result, hasFailed ? 1 : 0], 'walk')
  return rows.length > 0
}

/** Skips steps that wait; answers whether the worker still holds the job. */
export async function skipSteps(database: Database, { workerId, leaseId, jobId }: StepHolder, names: readonly string[]): Promise<boolean> {
  const rows = await database.run(skipStatement, [workerId, leaseId, jobId, texts(names)], 'walk')
  return rows.length > 0
}
