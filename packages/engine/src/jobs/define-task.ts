import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, defaults, limits, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import type { JobLogger } from '../log/job-logger.ts'
import type { Queryable } from '../postgres/database.ts'
import { type BackoffFunction, type BackoffOption, readBackoff } from './backoff.ts'
import { checkAttempts, checkKeys, checkName, checkPriority } from './check-options.ts'
import type { ParentView } from './parents.ts'
import { type CheckedRule, type RetryRule, readRules } from './retry-rules.ts'
import type { Steps } from './steps.ts'

/** The job as its handler sees it. All ids are decimal text. */
export interface RunningJob {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly priority: number
  /**
   * The fencing token of this execution: pass it to systems that can refuse an older one. It grows once when `complete` or
   * `assertLease` of the context is first called, so read it when you need it.
   */
  readonly leaseId: string
}

/** What a handler is given. */
export interface TaskContext<Input> {
  /** The payload, as the task's schema returned it. */
  readonly input: Input
  readonly job: RunningJob
  readonly log: JobLogger
  /** Aborts when the job is cancelled, times out, loses its lease or its worker stops; `signal.reason` is a {@link TrunklineError} that says which. */
  readonly signal: AbortSignal
  /** 1 for the first execution of the job; grows with each that fails or crashes, not with a snooze. */
  readonly attempt: number
  /**
   * Completes the job in your own transaction: it is done exactly when that commits, and its effects with it. Call it last, then
   * commit and return. What is logged after it is kept until the handler ends, and dropped if the transaction was committed.
   * When the transaction was rolled back and the handler returns all the same, the job is completed in the ordinary way, with
   * what the handler returned or else with this result; when it throws, that is a failed try.
   * @param tx an open `pg` client or transaction on the same database, of a role that may write the schema
   * @param result plain JSON of at most 1 MiB; default: none
   * @throws `lease_lost` when this execution no longer holds the job; the transaction cannot be committed then
   * @example
   * await client.query('begin')
   * await client.query('update account set balance = balance - $1 where id = $2', [input.amount, input.account])
   * await complete(client, { paid: input.amount })
   * await client.query('commit')
   */
  complete(tx: Queryable, result?: unknown): Promise<void>
  /**
   * Raises in your transaction unless this execution still holds the job; nobody else gets the job before it ends.
   * @throws `lease_lost`
   */
  assertLease(tx: Queryable): Promise<void>
  /** What the jobs came to that this one depends on, oldest first; none for a job that depends on nothing. */
  parents(): Promise<ParentView[]>
  /**
   * Pauses the queue of the job, such as when the other side has answered 429: until then no job of it starts on any worker, and
   * people are told why. Throw a {@link Snooze} for the job itself. A pause by somebody else that ends later, or not by itself, stays.
   * @param until an end of the pause; without one it would not end by itself, so one of `for` and `until` is needed
   * @throws `invalid_option`, `invalid_run_at`, `invalid_duration`
   * @example
   * await pauseQueue({ for: retryAfter * 1000, reason: 'the mail service answers 429' })
   * throw new Snooze(retryAfter * 1000)
   */
  pauseQueue(until: QueuePause): Promise<void>
  /** Parts of the work that are not done again when the job is tried again. */
  readonly step: Steps
  /** The tasks that this worker serves, by name: a handler may run another's as a part of its own work. */
  readonly tasks: ReadonlyMap<string, Task>
}

/** How long a handler pauses its queue. */
export interface QueuePause {
  for?: Duration
  until?: Date | string
  /** What people are told, at most 500 characters. */
  reason?: string
}

/** One job in a call of a batch handler. What is not settled when the handler returns is completed; when it throws, failed. */
export interface BatchJob<Input> {
  readonly input: Input
  readonly job: RunningJob
  readonly log: JobLogger
  /** Aborts when this job is cancelled or lost, and with the whole call; `signal.reason` says which. */
  readonly signal: AbortSignal
  readonly attempt: number
  /** Ends this job; the first of `complete`, `fail` and `snooze` counts, later calls do nothing. */
  complete(result?: unknown): void
  /** Fails this try by the retry policy of the task, as if a handler had thrown `error`. */
  fail(error: unknown): void
  /** Runs this job again after `delay` without spending an attempt. @throws `invalid_duration` */
  snooze(delay: Duration): void
}

/** What a batch handler is given. */
export interface BatchContext<Input> {
  /** Name of the task. */
  readonly task: string
  /** 1 to `batch.size` jobs that were claimed already; nobody waits for a batch to fill. */
  readonly jobs: readonly BatchJob<Input>[]
  /** Aborts when the call times out, its worker stops, or every job of it has been told to end. */
  readonly signal: AbortSignal
}

/** What a task may say beside its handler. */
export interface TaskSettings<Schema extends StandardSchemaV1> {
  /** Any Standard Schema (zod, valibot, arktype …). Checked when a job is enqueued and again before it runs. Without it every JSON value is accepted. */
  input?: Schema
  /** JSON Schema of the payload for forms and other languages; taken from `input` where that can produce it. */
  inputSchema?: Record<string, unknown>
  /** Where jobs of this task wait. Default `default`. */
  queue?: string
  /** −100 to 100, higher runs first. Default 0. */
  priority?: number
  /** `attempts` (default 5) counts executions that failed; see {@link BackoffOption}. `rules` decide by error, the first that matches wins. */
  retry?: { attempts?: number; backoff?: BackoffOption; rules?: readonly RetryRule[] }
  /** How long one attempt may take; for a batch, one call. Default: no limit. */
  timeout?: Duration
  /** One sentence for people. */
  description?: string
  /** Payload paths (`customer.id`) by whose values jobs can be found, however long the history. At most 16. Default: none. */
  searchable?: readonly string[]
}

/** The handler of one job. */
export interface RunOption<Input, Result> {
  /** The work. What it returns (plain JSON of at most 1 MiB) is the job's result. */
  run: (context: TaskContext<Input>) => Promise<Result> | Result
  batch?: never
  runBatch?: never
}

/** The handler of many jobs. */
export interface BatchOption<Input, Result> {
  /** `size`: jobs in one call at the most, 1 to 1000. Default 100. */
  batch?: { size?: number }
  /** The work for several jobs in one slot. An array of their number is their results, in their order. */
  runBatch: (context: BatchContext<Input>) => Promise<readonly Result[] | undefined> | Promise<void> | readonly Result[] | void
  run?: never
}

/** Options of {@link defineTask}: settings, and exactly one of `run` and `runBatch`. */
export type TaskOptions<Schema extends StandardSchemaV1, Result> = TaskSettings<Schema> &
  (RunOption<StandardSchemaV1.InferOutput<Schema>, Result> | BatchOption<StandardSchemaV1.InferOutput<Schema>, Result>)

/** What runs batches, checked. */
export interface BatchHandler {
  readonly size: number
  readonly run: (context: BatchContext<any>) => unknown
}

/** A task: the code that runs a kind of job, with its defaults. Made by {@link defineTask}. */
export interface Task<Input = any, Result = any> {
  readonly name: string
  readonly queue: string
  readonly priority: number
  readonly attempts: number
  readonly backoff: BackoffFunction
  readonly rules: readonly CheckedRule[]
  readonly timeoutMs: number | null
  readonly description: string | null
  readonly schema: StandardSchemaV1<Input, any> | null
  readonly inputSchema: Record<string, unknown> | null
  readonly searchable: readonly string[]
  /** Its handler; of a batch task a stub that throws, because its jobs run in batches. */
  readonly run: (context: TaskContext<any>) => Promise<Result> | Result
  /** The handler of a batch task, else null. */
  readonly batch: BatchHandler | null
}

const optionNames = [
  'input',
  'inputSchema',
  'queue',
  'priority',
  'retry',
  'timeout',
  'description',
  'searchable',
  'run',
  'batch',
  'runBatch',
]
const mostInBatch = 1000

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

/** Exactly one handler: `run`, or `runBatch` with its size. */
function readHandler(options: { run?: unknown; batch?: unknown; runBatch?: unknown }): Pick<Task, 'run' | 'batch'> {
  const { run, batch, runBatch } = options
  if (run !== undefined && runBatch !== undefined) refuse('runBatch', runBatch, 'run or runBatch, not both')
  if (runBatch === undefined) {
    if (batch !== undefined) refuse('batch', batch, 'nothing without runBatch')
    if (typeof run !== 'function') refuse('run', run, 'a function (or runBatch)')
    return { run: run as Task['run'], batch: null }
  }
  if (typeof runBatch !== 'function') refuse('runBatch', runBatch, 'a function')
  if (batch !== undefined && (batch === null || typeof batch !== 'object')) refuse('batch', batch, 'an object such as { size: 100 }')
  checkKeys((batch as object | undefined) ?? {}, ['size'], 'batch')
  const { size = 100 } = (batch ?? {}) as { size?: number }
  if (!Number.isInteger(size) || size < 1 || size > mostInBatch) refuse('batch.size', size, `a whole number from 1 to ${mostInBatch}`)
  return {
    run: () => refuse('run', undefined, 'runBatch: this task runs in batches'),
    batch: { size, run: runBatch as BatchHandler['run'] },
  }
}

/** @throws `invalid_option` unless `value` is a list of payload paths */
function checkPaths(value: unknown): readonly string[] {
  const good = (path: unknown) => typeof path === 'string' && /^[^.\0]+(\.[^.\0]+){0,9}$/.test(path) && path.length <= 200
  if (Array.isArray(value) && value.length <= limits.searchable && value.every(good)) return value
  throw new TrunklineError('invalid_option', {
    field: 'searchable',
    received: show(value),
    allowed: `at most ${limits.searchable} paths such as customer.id`,
  })
}

function jsonSchemaOf(schema: StandardSchemaV1 | undefined): Record<string, unknown> | null {
  const standard = schema?.['~standard'] as Partial<StandardJSONSchemaV1.Props> | undefined
  if (!standard?.jsonSchema) return null
  try {
    return standard.jsonSchema.input({ target: 'draft-2020-12' })
  } catch {
    // a schema with parts that JSON Schema cannot say (transforms, custom checks) still validates
    return null
  }
}

/**
 * Defines a task: the code behind a kind of job. Defining does nothing by itself; give the task to `trunkline.work` to
 * run its jobs and to `trunkline.enqueue` to make some.
 * @param name 1 to 128 of `A-Za-z0-9_.:/-`; stored with each job, so it outlives deployments
 * @throws `invalid_name`, `invalid_option`, `invalid_priority`, `invalid_duration`, `unknown_option`
 * @example
 * const resize = defineTask('image.resize', {
 *   input: z.object({ url: z.url(), width: z.number().int() }),
 *   retry: { attempts: 3, backoff: 'exponential' }, timeout: '2m',
 *   async run({ input, log, signal }) { return { bytes: await shrink(input, signal) } },
 * })
 * @example
 * const index = defineTask('search.index', {
 *   batch: { size: 200 },
 *   async runBatch({ jobs, signal }) {
 *     const answers = await search.bulk(jobs.map((j) => j.input), { signal })
 *     for (const [i, answer] of answers.entries()) if (answer.error) jobs[i].fail(new Error(answer.error))
 *   },
 * })
 */
export function defineTask<Result, Schema extends StandardSchemaV1 = StandardSchemaV1<any, any>>(
  name: string,
  options: TaskOptions<Schema, Result>,
): Task<StandardSchemaV1.InferInput<Schema>, Result> {
  checkName(name, 'task name')
  checkKeys(options, optionNames, `defineTask(${show(name)})`)
  checkKeys(options.retry ?? {}, ['attempts', 'backoff', 'rules'], `retry of task ${show(name)}`)
  return {
    name,
    queue: checkName(options.queue ?? defaults.queue, 'queue'),
    priority: checkPriority(options.priority ?? defaults.priority),
    attempts: checkAttempts(options.retry?.attempts ?? defaults.attempts, 'retry.attempts'),
    backoff: readBackoff(options.retry?.backoff),
    rules: readRules(options.retry?.rules),
    timeoutMs: options.timeout === undefined ? null : toMilliseconds(options.timeout, 'timeout'),
    description: options.description ?? null,
    schema: (options.input as StandardSchemaV1<StandardSchemaV1.InferInput<Schema>> | undefined) ?? null,
    inputSchema: options.inputSchema ?? jsonSchemaOf(options.input),
    searchable: checkPaths(options.searchable ?? []),
    ...readHandler(options),
  }
}
