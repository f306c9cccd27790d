import { didYouMean, show, TrunklineError } from '@trunkline/contract'
import {
  type BackoffOption,
  checkPayload,
  defineTask,
  FatalError,
  type JobLogger,
  Snooze,
  type Steps,
  type StepTry,
  type Task,
  type TaskContext,
} from '@trunkline/engine'
import { z } from 'zod'

const milliseconds = (most: number) => z.number().int().min(0).max(most)
const curve = z.enum(['exponential', 'linear', 'fixed'])
const week = 604_800_000

const backoff = z.union([
  curve,
  z.strictObject({
    curve: curve.optional(),
    delayMs: milliseconds(week).optional().describe('The first wait; default 1000'),
    maxDelayMs: milliseconds(week).optional().describe('The longest wait; default one hour'),
    jitter: z.number().min(0).max(1).optional().describe('Share of the wait that is drawn at random; default 0.25'),
  }),
])

const step = z.strictObject({
  name: z.string().min(1).max(100).describe('For each step its own; its lines in the log have it as their stage'),
  task: z
    .string()
    .regex(/^[A-Za-z0-9_.:/-]{1,128}$/, 'the name of a task')
    .describe('What it runs: sql_run, shell_run, http_request or any other task of the worker'),
  payload: z.unknown().default({}).describe('As a job of that task would have it'),
  timeoutMs: milliseconds(week).min(1).optional().describe('Limit of one try; default: that of the task, else none'),
  retry: z
    .strictObject({
      attempts: z.number().int().min(1).max(100).default(1).describe('Tries within one attempt of the job'),
      backoff: backoff.optional(),
    })
    .optional(),
  onError: z
    .enum(['fail', 'succeed', 'ignore'])
    .default('fail')
    .describe('When its tries are used up: fail the job, end it as completed without the rest, or go on'),
})
type Step = z.output<typeof step>

/** Looks for what no single field can say; a step of a task that comes with Trunkline is checked by its schema. */
async function refine({ steps }: { steps: Step[] }, problems: z.RefinementCtx, builtIns: ReadonlyMap<string, Task>): Promise<void> {
  const seen = new Set<string>()
  for (const [i, { name, task, payload }] of steps.entries()) {
    const refuse = (path: PropertyKey[], message: string) => problems.addIssue({ code: 'custom', path: ['steps', i, ...path], message })
    if (seen.has(name)) refuse(['name'], `a step before it is called ${show(name)} as well`)
    seen.add(name)
    if (task === 'steps_run') refuse(['task'], 'steps do not have steps; give those of the inner one here')
    const checked = await builtIns.get(task)?.schema?.['~standard'].validate(payload)
    for (const { path = [], message } of checked?.issues ?? []) {
      refuse(['payload', ...path.map((part) => (typeof part === 'object' ? part.key : part))], message)
    }
  }
}

const inputOf = (builtIns: ReadonlyMap<string, Task>) =>
  z.strictObject({ steps: z.array(step).min(1).max(100) }).superRefine(async (input, problems) => await refine(input, problems, builtIns))

/** What is kept of what a step returned, in characters of JSON. */
const mostKept = 65_536

function shortened(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length > 8000 ? `${value.slice(0, 8000)}… (${value.length - 8000} characters left out)` : value
  if (Array.isArray(value)) return value.map(shortened)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shortened(part)]))
}

/** What a step returned, as far as there is room for it: long texts are cut, and what is too much all the same is cut as a text. */
function bounded(value: unknown): unknown {
  if (value === undefined || (JSON.stringify(value) ?? '').length <= mostKept) return value
  const shorter = shortened(value)
  const text = JSON.stringify(shorter)
  return text.length <= mostKept ? shorter : { truncated: true, text: text.slice(0, mostKept / 2).toWellFormed() }
}

/** The task of a step. @throws `unknown_task` where the worker does not serve it, `invalid_payload` for one that runs in batches */
function taskOf(tasks: ReadonlyMap<string, Task>, step: Step, field: string): Task {
  const name = step.task
  const task = tasks.get(name)
  const known = [...tasks.values()].filter((one) => !one.batch && one.name !== 'steps_run').map((one) => one.name)
  if (!task) {
    const allowed = known.slice(0, 20).join(', ') || 'none'
    throw stepError(step.name, new TrunklineError('unknown_task', { field, received: name, meant: didYouMean(name, known), allowed }))
  }
  if (!task.batch) return task
  throw new TrunklineError('invalid_payload', { task: 'steps_run', field, problem: `${name} runs in batches, and cannot be a step` })
}

/** The place of a step in its job. */
interface Place {
  readonly name: string
  readonly index: number
  readonly total: number
}

/** The logger of a step: its lines stand under the step, its progress moves that of the job between two steps. */
function loggerOf(log: JobLogger, { index }: Place): JobLogger {
  let current = 0
  let total = 0
  const tell = () => total > 0 && log.setProgress(index + Math.round(100 * Math.min(1, Math.max(0, current / total))) / 100)
  return {
    ...log,
    setStage(name) {
      current = 0
      total = 0
      log.info(name)
    },
    setTotal(n) {
      total = n
      tell()
    },
    incrementProgress(by = 1) {
      current += by
      tell()
    },
    setProgress(to, of) {
      current = to
      if (of !== undefined) total = of
      tell()
    },
    // the job has one summary, of all its steps
    logSummary() {},
  }
}

/** The steps within a handler that is a step itself: kept under the name of the outer one. They have no plan: that of the job is the outer one. */
function stepsWithin({ step, log }: TaskContext<unknown>, { name, index, total }: Place): Steps {
  return {
    async run(inner, work, options) {
      try {
        return await step.run(`${name}/${inner}`, work, options)
      } finally {
        log.setStage(name)
        log.setTotal(total, 'steps')
        log.setProgress(index)
      }
    },
    plan: async (steps) => new Map(steps.map((one) => [one.name, 'waiting'])),
    skip: async () => {},
  }
}

/** Runs the handler of a step's task as a worker would run it, by the rules of its errors. */
async function perform(context: TaskContext<unknown>, task: Task, input: unknown, place: Place, { signal }: StepTry): Promise<unknown> {
  const { job, log, parents, pauseQueue, assertLease, tasks } = context
  const complete = async () => {
    throw new FatalError('a step cannot complete the job that it is a part of; return instead')
  }
  const inner = { parents, pauseQueue, assertLease, tasks, complete, step: stepsWithin(context, place) }
  try {
    const own = { input, signal, attempt: context.attempt, job: { ...job, task: task.name }, log: loggerOf(log, place) }
    return bounded(await task.run({ ...inner, ...own }))
  } catch (error) {
    const rule = signal.aborted ? undefined : task.rules.find((one) => one.matches(error))
    if (rule?.fate === 'snooze') throw new Snooze(rule.delayMs)
    if (rule?.fate === 'fail') throw new FatalError(error instanceof Error ? error.message : String(error), { cause: error })
    throw error
  }
}

function backoffOf(given: z.output<typeof backoff> | undefined): { backoff?: BackoffOption } {
  if (given === undefined || typeof given === 'string') return given === undefined ? {} : { backoff: given }
  const { curve: shape, delayMs, maxDelayMs, jitter } = given
  return {
    backoff: {
      ...(shape === undefined ? {} : { curve: shape }),
      ...(delayMs === undefined ? {} : { delay: delayMs }),
      ...(maxDelayMs === undefined ? {} : { maxDelay: maxDelayMs }),
      ...(jitter === undefined ? {} : { jitter }),
    },
  }
}

/** The error of a job whose step failed: it says which, and keeps code and finality of the step's own. */
function stepError(name: string, error: unknown): Error {
  const { message = String(error), code, name: kind } = Object(error) as { message?: string; code?: unknown; name?: string }
  const text = `step ${show(name)}: ${message}`
  if (error instanceof FatalError) return new FatalError(text, { cause: error })
  const failure = new Error(text, { cause: error })
  if (kind) failure.name = kind
  return code === undefined ? failure : Object.assign(failure, { code })
}

/** Not the failure of a step, but of the whole execution. */
const isOfTheJob = (error: unknown, signal: AbortSignal) =>
  signal.aborted || error instanceof Snooze || (error instanceof TrunklineError && error.code === 'lease_lost')

/** What became of the steps of a job. */
interface StepCounts {
  completed: number
  /** Failed, and the job went on or ended well by their rule. */
  failed: number
  skipped: number
}

async function runSteps(context: TaskContext<{ steps: Step[] }>): Promise<StepCounts> {
  const { steps } = context.input
  const { step: kept, log, signal, tasks } = context
  // all of them before the first begins: nothing is half done because of a typing error in the last one
  const inputs = await Promise.all(
    steps.map(async (one, i) => {
      const task = taskOf(tasks, one, `payload.steps[${i}].task`)
      return { task, input: await checkPayload(task, one.payload, `payload.steps[${i}].payload`) }
    }),
  )
  const states = await kept.plan(steps.map(({ name, task }) => ({ name, task })))
  const counts = { completed: 0, failed: 0, skipped: 0 }
  for (const [index, one] of steps.entries()) {
    const { task, input } = inputs[index] as (typeof inputs)[number]
    const place = { name: one.name, index, total: steps.length }
    try {
      if (states.get(one.name) === 'failed' && one.onError !== 'fail') throw new Error('it failed in an earlier attempt of the job')
      const timeout = one.timeoutMs ?? task.timeoutMs
      const options = {
        ...(timeout === null ? {} : { timeout }),
        retry: { ...backoffOf(one.retry?.backoff), attempts: one.retry?.attempts ?? 1 },
      }
      await kept.run(one.name, (turn) => perform(context, task, input, place, turn), options)
      counts.completed++
    } catch (error) {
      if (isOfTheJob(error, signal)) throw error
      if (one.onError === 'fail') throw stepError(one.name, error)
      counts.failed++
      log.warn(`step ${show(one.name)} failed, and its rule is ${one.onError}: ${(Object(error) as Error).message ?? String(error)}`)
      log.setProgress(index + 1)
      if (one.onError === 'ignore') continue
      const rest = steps.slice(index + 1).map(({ name }) => name)
      await kept.skip(rest)
      return { ...counts, skipped: rest.length }
    }
  }
  return counts
}

/**
 * `steps_run`: a job made of steps, each the handler of a task of this worker with its own timeout, retry and rule for errors. Finished
 * steps are kept: the next attempt of the job, after a failure, a crash or a retry by a person, goes on at the step that failed.
 * @param builtIns whose payloads are checked when the job is made
 */
export function stepsRun(builtIns: readonly Task[]): Task {
  return defineTask('steps_run', {
    description: 'Run steps one after another',
    input: inputOf(new Map(builtIns.map((task) => [task.name, task]))),
    retry: { attempts: 1 },
    run: runSteps,
  })
}
