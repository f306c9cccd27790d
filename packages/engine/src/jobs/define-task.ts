import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, defaults, didYouMean, limits, namePattern, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import type { JobLogger } from '../log/job-logger.ts'
import { type BackoffFunction, type BackoffOption, readBackoff } from './backoff.ts'

/** The job as its handler sees it. All ids are decimal text. */
export interface RunningJob {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly priority: number
  /** The fencing token of this execution: pass it to systems that can refuse an older one. */
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
  /** 1 for the first execution of the job; grows with each. */
  readonly attempt: number
}

/** Options of {@link defineTask}. */
export interface TaskOptions<Schema extends StandardSchemaV1, Result> {
  /** Any Standard Schema (zod, valibot, arktype …). Checked when a job is enqueued and again before it runs. Without it every JSON value is accepted. */
  input?: Schema
  /** JSON Schema of the payload for forms and other languages; taken from `input` where that can produce it. */
  inputSchema?: Record<string, unknown>
  /** Where jobs of this task wait. Default `default`. */
  queue?: string
  /** −100 to 100, higher runs first. Default 0. */
  priority?: number
  /** `attempts` (default 5) counts executions that failed; see {@link BackoffOption}. */
  retry?: { attempts?: number; backoff?: BackoffOption }
  /** How long one attempt may take. Default: no limit. */
  timeout?: Duration
  /** One sentence for people. */
  description?: string
  /** Payload paths (`customer.id`) by whose values jobs can be found, however long the history. At most 16. Default: none. */
  searchable?: readonly string[]
  /** The work. What it returns (plain JSON of at most 1 MiB) is the job's result. */
  run: (context: TaskContext<StandardSchemaV1.InferOutput<Schema>>) => Promise<Result> | Result
}

/** A task: the code that runs a kind of job, with its defaults. Made by {@link defineTask}. */
export interface Task<Input = any, Result = any> {
  readonly name: string
  readonly queue: string
  readonly priority: number
  readonly attempts: number
  readonly backoff: BackoffFunction
  readonly timeoutMs: number | null
  readonly description: string | null
  readonly schema: StandardSchemaV1<Input, any> | null
  readonly inputSchema: Record<string, unknown> | null
  readonly searchable: readonly string[]
  readonly run: (context: TaskContext<any>) => Promise<Result> | Result
}

const optionNames = ['input', 'inputSchema', 'queue', 'priority', 'retry', 'timeout', 'description', 'searchable', 'run']

/** @throws `invalid_name` unless `value` can name a queue or a task. */
export function checkName(value: unknown, field: string): string {
  if (typeof value === 'string' && namePattern.test(value)) return value
  throw new TrunklineError('invalid_name', { field, received: show(value) })
}

/** @throws `invalid_priority` unless `value` is a whole number from −100 to 100. */
export function checkPriority(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= limits.minPriority && (value as number) <= limits.maxPriority) return value as number
  throw new TrunklineError('invalid_priority', { field: 'priority', received: show(value) })
}

/** @throws `invalid_option` unless `value` is a whole number from 1 to 1000. */
export function checkAttempts(value: unknown, field: string): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= limits.maxAttempts) return value as number
  throw new TrunklineError('invalid_option', { field, received: show(value), allowed: `a whole number from 1 to ${limits.maxAttempts}` })
}

/** @throws `unknown_option` for a key that is not allowed, with the nearest that is. */
export function checkKeys(options: object, allowed: readonly string[], where: string): void {
  for (const key of Object.keys(options)) {
    if (!allowed.includes(key)) {
      throw new TrunklineError('unknown_option', {
        field: key,
        received: key,
        where,
        meant: didYouMean(key, allowed),
        allowed: allowed.join(', '),
      })
    }
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
 */
export function defineTask<Result, Schema extends StandardSchemaV1 = StandardSchemaV1<any, any>>(
  name: string,
  options: TaskOptions<Schema, Result>,
): Task<StandardSchemaV1.InferInput<Schema>, Result> {
  checkName(name, 'task name')
  checkKeys(options, optionNames, `defineTask(${show(name)})`)
  checkKeys(options.retry ?? {}, ['attempts', 'backoff'], `retry of task ${show(name)}`)
  if (typeof options.run !== 'function') {
    throw new TrunklineError('invalid_option', { field: 'run', received: show(options.run), allowed: 'a function' })
  }
  return {
    name,
    queue: checkName(options.queue ?? defaults.queue, 'queue'),
    priority: checkPriority(options.priority ?? defaults.priority),
    attempts: checkAttempts(options.retry?.attempts ?? defaults.attempts, 'retry.attempts'),
    backoff: readBackoff(options.retry?.backoff),
    timeoutMs: options.timeout === undefined ? null : toMilliseconds(options.timeout, 'timeout'),
    description: options.description ?? null,
    schema: (options.input as StandardSchemaV1<StandardSchemaV1.InferInput<Schema>> | undefined) ?? null,
    inputSchema: options.inputSchema ?? jsonSchemaOf(options.input),
    searchable: checkPaths(options.searchable ?? []),
    run: options.run,
  }
}
