import { percentOf, show, TrunklineError } from '@trunkline/contract'
import { checkAttempts, checkKeys } from '../jobs/check-options.ts'
import type { QueuePause, Task } from '../jobs/define-task.ts'
import type { JobError } from '../jobs/error-json.ts'
import { jsonText } from '../jobs/json-text.ts'
import type { ParentView } from '../jobs/parents.ts'
import { readQueuePause } from '../jobs/pause.ts'
import type { StepState } from '../jobs/steps.ts'
import { createFeedback, type Feedback } from '../log/feedback.ts'
import type { FeedbackWriter } from '../log/feedback-writer.ts'
import { type LogLevel, logLevels, type Progress } from '../log/job-logger.ts'
import { Execution } from '../worker/execution.ts'
import type { Fence } from '../worker/fence.ts'
import type { Middleware } from '../worker/middleware.ts'
import { BatchCall, runBatch } from '../worker/run-batch.ts'
import { type End, type RunOptions, runJob } from '../worker/run-job.ts'
import type { StepKeeper } from '../worker/steps.ts'

/** Options of {@link runTask} and {@link runTaskBatch}. */
export interface RunTaskOptions {
  /** Which execution of the job this is, 1 for the first (default). The last allowed one fails the job instead of trying again. */
  attempt?: number
  /** Aborts the handler as a cancellation does. */
  signal?: AbortSignal
  /** Run around the handler, the first outermost. Default: none. */
  middleware?: readonly Middleware[]
  /** What `parents` of the context answers. Default: the job depends on nothing. */
  parents?: readonly ParentView[]
  /** Results of steps that earlier executions have finished, by name. Default: none. */
  steps?: Readonly<Record<string, unknown>>
  /** What `tasks` of the context answers, beside the task itself. Default: none. */
  tasks?: readonly Task[]
}

/** One line that a handler has logged. */
export interface TaskLogLine {
  readonly level: LogLevel
  readonly stage: string | null
  readonly message: string
  /** What was given beside the message, as JSON keeps it. */
  readonly context: unknown
}

/** What one execution of a handler came to, as a worker would store it. */
export interface TaskRun<Result = unknown> {
  /** What becomes of the job. `retrying` = a failed try with another one to come. */
  readonly how: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'snoozed'
  /** What the handler returned, as JSON keeps it; undefined when it returned nothing or did not complete. */
  readonly result: Result | undefined
  /** The stored error of `failed` and `retrying`. */
  readonly error: JobError | null
  /** Milliseconds until the next attempt of `retrying` and `snoozed`. */
  readonly delayMs: number | null
  readonly log: readonly TaskLogLine[]
  /** Its last progress, null when it told none. */
  readonly progress: Progress | null
  /** What it counted with `addOutcome`. */
  readonly outcome: Readonly<Record<string, number>>
  /** How it paused its queue, null when it did not. */
  readonly paused: QueuePause | null
}

const optionNames = ['attempt', 'signal', 'middleware', 'parents', 'steps', 'tasks']
const graceMs = 5000

/** Keeps what one execution says, in the place of the database. */
class Said {
  readonly lines: TaskLogLine[] = []
  progress: Progress | null = null
  outcome: Record<string, number> = {}
  readonly feedback: Feedback = createFeedback(() => {})

  take(): void {
    for (const { level, stage, message, context } of this.feedback.takeLines()) {
      const parsed: unknown = context === null ? null : JSON.parse(context)
      this.lines.push({ level: logLevels[level] as LogLevel, stage, message, context: parsed })
    }
    const seen = this.feedback.takeProgress()
    if (!seen) return
    const { outcome, ...numbers } = seen
    this.progress = { ...numbers, percent: percentOf(numbers.current, numbers.total) }
    if (outcome !== null) this.outcome = JSON.parse(outcome)
  }
}

function recorder(): { writer: FeedbackWriter; said: (execution: Execution) => Said } {
  const all = new Map<Feedback, Said>()
  const take = async (feedback: Feedback) => all.get(feedback)?.take()
  const writer: FeedbackWriter = {
    open() {
      const said = new Said()
      all.set(said.feedback, said)
      return said.feedback
    },
    settle: take,
    hold: take,
    release: () => {},
    drop: () => {},
    flush: async () => {},
    stop: async () => {},
  }
  return { writer, said: (execution) => (execution.feedback && all.get(execution.feedback)) || new Said() }
}

/** Holds always: there is nobody who could take the job away. */
function freeFence(writer: FeedbackWriter): Fence {
  const ended = new Set<Execution>()
  const state = async (execution: Execution) => (ended.has(execution) ? 'ended' : 'held')
  return {
    async assert(execution) {
      execution.ownLease = true
    },
    async complete(execution, _tx, value) {
      execution.ownResult = { result: value === undefined ? null : jsonText(value, 'result') }
      execution.ownLease = true
      await writer.hold(execution.log)
      ended.add(execution)
    },
    state,
    ended: state,
    moving: () => false,
  }
}

/** Steps of one execution, of which some have completed before. */
function stepsInMemory(results: Readonly<Record<string, unknown>>): StepKeeper {
  const states = new Map<string, StepState>(Object.keys(results).map((name) => [name, 'completed']))
  const failed = new Map<string, number>()
  return {
    read: async () => new Map(Object.entries(results)),
    keep: async () => true,
    async plan({ steps }) {
      for (const { name } of steps) if (!states.has(name)) states.set(name, 'waiting')
      return states
    },
    begin: async ({ name }) => ({ failedTries: failed.get(name) ?? 0, became: null }),
    async end({ name, state, hasFailed }) {
      states.set(name, state)
      if (hasFailed) failed.set(name, (failed.get(name) ?? 0) + 1)
      return true
    },
    skip: async () => true,
  }
}

function resultOf(text: string | null): any {
  return text === null ? undefined : JSON.parse(text)
}

function told(execution: Execution, end: End, said: Said, paused: QueuePause | null): TaskRun<any> {
  const { lines: log, progress, outcome } = said
  const run = { result: undefined, error: null, delayMs: null, log, progress, outcome, paused }
  switch (end.how) {
    case 'completed':
      return { ...run, how: 'completed', result: resultOf(end.result) }
    case 'completed_already':
      return { ...run, how: 'completed', result: resultOf(execution.ownResult?.result ?? null) }
    case 'failed':
      return { ...run, how: 'failed', error: JSON.parse(end.error) }
    case 'retrying': {
      const error: JobError = JSON.parse(end.error)
      if (execution.attempt + 1 < (end.allowed ?? execution.task.attempts)) {
        return { ...run, how: 'retrying', error, delayMs: end.delayMs }
      }
      return { ...run, how: 'failed', error: { ...error, reason: execution.aborted === 'timeout' ? 'timeout' : 'attempts_used' } }
    }
    case 'snoozed':
      return { ...run, how: 'snoozed', delayMs: end.delayMs }
    default:
      return { ...run, how: 'cancelled' }
  }
}

function listen(signal: AbortSignal | undefined, abort: () => void): () => void {
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  return () => signal?.removeEventListener('abort', abort)
}

const cancelled = (id: number) => new TrunklineError('cancelled', { job: id, by: '' })

async function runAll(task: Task, payloads: readonly unknown[], options: RunTaskOptions): Promise<TaskRun<any>[]> {
  checkKeys(options, optionNames, 'runTask')
  const { attempt = 1, signal, middleware = [] } = options
  checkAttempts(attempt, 'attempt')
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TrunklineError('invalid_option', { field: 'signal', received: show(signal), allowed: 'an AbortSignal' })
  }
  const { writer, said } = recorder()
  const pauses = new Map<string, QueuePause>()
  const parts = {
    queue: task.queue,
    writer,
    fence: freeFence(writer),
    parents: async () => [...(options.parents ?? [])],
    steps: stepsInMemory(options.steps ?? {}),
    tasks: new Map([task, ...(options.tasks ?? [])].map((one) => [one.name, one])),
    async pauseQueue(_: string, id: string, until: QueuePause) {
      readQueuePause(until)
      pauses.set(id, until)
    },
  }
  const executions = payloads.map((payload, i) => {
    const text = jsonText(payload, payloads.length === 1 ? 'payload' : `payloads[${i}]`)
    const ids = { id: i + 1, leaseId: 1, queueId: 0, taskId: 0 }
    const job = { ...ids, attempt: attempt - 1, priority: -task.priority, timeoutMs: task.timeoutMs, payload: text }
    return new Execution(job, task, parts)
  })
  const runs = new Map<Execution, TaskRun<any>>()
  const onEnd = (execution: Execution, end: End) =>
    runs.set(execution, told(execution, end, said(execution), pauses.get(String(execution.id)) ?? null))
  const running: RunOptions = { timeoutMs: task.timeoutMs, graceMs, middleware, writer, emit: undefined, onEnd }
  if (task.batch) {
    const call = new BatchCall(executions)
    const deafen = listen(signal, () => call.abort('cancelled', cancelled, graceMs))
    await runBatch(call, running).finally(deafen)
  } else {
    for (const execution of executions) {
      const deafen = listen(signal, () => execution.abort('cancelled', cancelled(execution.id), graceMs))
      await runJob(execution, running).finally(deafen)
    }
  }
  return executions.map((execution) => runs.get(execution) as TaskRun<any>)
}

/**
 * Runs the handler of a task once, in this process and without a database: payload through its schema, its timeout, its retry
 * rules, everything as a worker does it. What the handler throws does not reject this; it is the `error` of the answer.
 * `complete` of the context completes at once and leaves the transaction alone; `assertLease` always holds. A task with
 * `runBatch` gets a batch of one.
 * @param payload as it would be given to `enqueue`
 * @throws `invalid_option`, `unknown_option`, the `payload_…` errors
 * @example
 * const run = await runTask(resize, { url: 'https://example.com/cat.png', width: 200 })
 * expect(run).toMatchObject({ how: 'completed', result: { bytes: 600 }, progress: { percent: 100 } })
 */
export async function runTask<Input, Result>(
  task: Task<Input, Result>,
  payload: Input,
  options: RunTaskOptions = {},
): Promise<TaskRun<Result>> {
  const [run] = await runAll(task, [payload], options)
  return run as TaskRun<Result>
}

/**
 * As {@link runTask} for a task with `runBatch`: one call with all of these payloads; answers in their order.
 * @param payloads 1 to the batch size of the task
 * @throws `invalid_option`, also for a task without `runBatch`
 * @example const [first, second] = await runTaskBatch(index, [{ id: 1 }, { id: 2 }])
 */
export async function runTaskBatch<Input, Result>(
  task: Task<Input, Result>,
  payloads: readonly Input[],
  options: RunTaskOptions = {},
): Promise<TaskRun<Result>[]> {
  if (!task.batch) throw new TrunklineError('invalid_option', { field: 'task', received: show(task.name), allowed: 'a task with runBatch' })
  if (payloads.length < 1 || payloads.length > task.batch.size) {
    const allowed = `1 to ${task.batch.size}, the batch size of the task`
    throw new TrunklineError('invalid_option', { field: 'payloads', received: `a list of ${payloads.length}`, allowed })
  }
  return await runAll(task, payloads, options)
}
