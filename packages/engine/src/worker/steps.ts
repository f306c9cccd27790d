import { formatDuration, limits, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { type BackoffFunction, readBackoff } from '../jobs/backoff.ts'
import { checkAttempts, checkKeys } from '../jobs/check-options.ts'
import { errorJson } from '../jobs/error-json.ts'
import { FatalError, Snooze } from '../jobs/fate.ts'
import { jsonText } from '../jobs/json-text.ts'
import type {
  BegunStep,
  EndedStep,
  FinishedStep,
  StepHolder,
  StepOptions,
  StepPast,
  StepPlan,
  StepState,
  Steps,
  StepTry,
} from '../jobs/steps.ts'
import type { Execution } from './execution.ts'

type Held<T extends StepHolder> = Omit<T, 'workerId'>

/** Where steps are kept. What writes answers whether the worker still holds the job (false, null: no more). */
export interface StepKeeper {
  /** Results of completed steps by name, as they were kept; undefined for nothing. */
  read(jobId: string): Promise<Map<string, unknown>>
  keep(step: Held<FinishedStep>): Promise<boolean>
  plan(plan: Held<StepPlan>): Promise<Map<string, StepState> | null>
  begin(step: Held<BegunStep>): Promise<StepPast | null>
  end(step: Held<EndedStep>): Promise<boolean>
  skip(holder: Held<StepHolder>, names: readonly string[]): Promise<boolean>
}

/** Waits up to this long between two tries hold the slot. */
const longestWaitMs = 5000
/** How long work may go on after its time is over: a killed process and an ended session take up to 10 s. */
const stepGraceMs = 15_000

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

function checkName(name: unknown): void {
  const good = typeof name === 'string' && name.length >= 1 && name.length <= limits.nameLength && !/\0/.test(name) && name.isWellFormed()
  if (!good) refuse('step.name', name, `text of 1 to ${limits.nameLength} characters`)
}

/** Options of a step, checked. */
interface StepRules {
  readonly timeoutMs: number | null
  readonly attempts: number
  readonly backoff: BackoffFunction
}

function readRules(options: StepOptions): StepRules {
  checkKeys(options, ['timeout', 'retry'], 'step.run')
  const { timeout, retry = {} } = options
  checkKeys(retry, ['attempts', 'backoff'], 'retry of a step')
  return {
    timeoutMs: timeout === undefined ? null : toMilliseconds(timeout, 'step.timeout'),
    attempts: checkAttempts(retry.attempts ?? 1, 'step.retry.attempts'),
    backoff: readBackoff(retry.backoff, 'step.retry.backoff'),
  }
}

/** How one try ended. `abandoned`: its time was over and it went on. */
type Tried = { ok: true; result: string | null } | { ok: false; error: unknown; abandoned?: true }

const textOf = (value: unknown) => (value === undefined ? null : jsonText(value, 'result', limits.resultBytes))

/** Runs one try: its signal aborts with the execution's and at the end of its time. Never throws. */
async function tryOnce(execution: Execution, work: (one: StepTry) => unknown, timeoutMs: number | null, attempt: number): Promise<Tried> {
  const over = new AbortController()
  const signal = timeoutMs === null ? execution.signal : AbortSignal.any([execution.signal, over.signal])
  const timers: NodeJS.Timeout[] = []
  const after = (ms: number, act: () => void) => timers.push(setTimeout(act, Math.min(ms, 2_147_483_647)))
  const abandoned = new Promise<Tried>((resolve) => {
    if (timeoutMs === null) return
    after(timeoutMs, () => {
      over.abort(new TrunklineError('timeout', { allowed: formatDuration(timeoutMs) }))
      after(stepGraceMs, () => resolve({ ok: false, error: over.signal.reason, abandoned: true }))
    })
  })
  const running = (async (): Promise<Tried> => {
    try {
      const value = await work({ signal, attempt })
      return over.signal.aborted ? { ok: false, error: over.signal.reason } : { ok: true, result: textOf(value) }
    } catch (error) {
      // what it throws then is the echo of its abort
      return { ok: false, error: over.signal.aborted && !execution.signal.aborted ? over.signal.reason : error }
    }
  })()
  try {
    return await Promise.race([running, abandoned])
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}

/** Resolves after `ms`, or rejects when the execution is told to end. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Makes the {@link Steps} of one execution. */
export function createSteps(execution: Execution, keeper: StepKeeper): Steps {
  const used = new Set<string>()
  /** The planned ones, each with the number of those before it. */
  const planned = new Map<string, number>()
  let known: Promise<Map<string, unknown>> | null = null

  /** A transaction of the handler may move the job to another lease meanwhile: then it is asked again. */
  async function held<T>(ask: (holder: { leaseId: number; jobId: number }) => Promise<T | null | false>): Promise<T> {
    for (;;) {
      const { leaseId, id: jobId } = execution
      const answer = await ask({ leaseId, jobId })
      if (answer !== null && answer !== false) return answer
      if (execution.leaseId === leaseId) throw new TrunklineError('lease_lost', { job: jobId })
    }
  }

  /** The progress of the job is that of its plan. */
  function tellProgress(name: string, done: 0 | 1): void {
    const before = planned.get(name)
    if (before === undefined) return
    execution.log.setTotal(planned.size, 'steps')
    execution.log.setProgress(before + done)
  }

  /** Without options and a plan only its end is kept. */
  async function runPlain(name: string, work: (one: StepTry) => unknown): Promise<string | null> {
    const begun = performance.now()
    const result = textOf(await work({ signal: execution.signal, attempt: 1 }))
    const { attempt } = execution
    await held((holder) => keeper.keep({ ...holder, name, attempt, ms: performance.now() - begun, result }))
    return result
  }

  /** What becomes of a try that was cut off together with its execution. */
  async function cutOff(name: string, error: unknown): Promise<void> {
    const { aborted } = execution
    if (aborted === 'lease_lost') return
    const state = aborted === 'stopping' ? ('waiting' as const) : ('cancelled' as const)
    const told = aborted === 'stopping' ? null : JSON.stringify(errorJson(execution.abortError ?? error))
    // its own reason counts, whether this could be written or not
    await held((holder) => keeper.end({ ...holder, name, state, error: told, result: null, hasFailed: false })).catch(() => {})
  }

  /** One try, with its beginning and end on record. @returns its result, or how long to wait for the next try */
  async function runTry(name: string, work: (one: StepTry) => unknown, rules: StepRules): Promise<{ result: string | null } | number> {
    const { attempt, log } = execution
    const past = await held((holder) => keeper.begin({ ...holder, name, attempt }))
    if (past.became === 'crashed') log.warn(`step ${show(name)} begins again: its worker died or was lost while it ran`)
    const number = past.failedTries + 1
    const tried = await tryOnce(execution, work, rules.timeoutMs, number)
    const end = (state: EndedStep['state'], result: string | null, error: string | null) =>
      held((holder) => keeper.end({ ...holder, name, state, error, result, hasFailed: error !== null }))
    if (tried.ok) {
      await end('completed', tried.result, null)
      return { result: tried.result }
    }
    const { error, abandoned } = tried
    if (execution.aborted) await cutOff(name, error)
    else if (error instanceof Snooze) await end('waiting', null, null)
    else {
      const isLast = abandoned === true || error instanceof FatalError || number >= rules.attempts
      const said = errorJson(error)
      await end(isLast ? 'failed' : 'waiting', null, JSON.stringify(said))
      // nobody may go on beside work that could not be ended
      if (abandoned) execution.abort('timeout', error as TrunklineError, longestWaitMs)
      if (!isLast) {
        const waitMs = rules.backoff(number, error, Math.random())
        log.warn(`try ${number} of ${rules.attempts} of step ${show(name)} failed: ${said.message}; the next in ${formatDuration(waitMs)}`)
        return waitMs
      }
    }
    throw error
  }

  async function runRecorded(name: string, work: (one: StepTry) => unknown, rules: StepRules): Promise<string | null> {
    for (;;) {
      const tried = await runTry(name, work, rules)
      if (typeof tried === 'object') return tried.result
      if (tried > longestWaitMs) throw new Snooze(tried)
      await pause(tried, execution.signal)
    }
  }

  return {
    async run<T>(name: string, work: (one: StepTry) => T | Promise<T>, options?: StepOptions): Promise<T> {
      checkName(name)
      if (used.has(name)) refuse('step.name', name, 'a name that no other step of the handler has')
      const rules = readRules(options ?? {})
      used.add(name)
      known ??= keeper.read(String(execution.id))
      const found = await known
      if (found.has(name)) return found.get(name) as T
      execution.signal.throwIfAborted()
      execution.log.setStage(name)
      tellProgress(name, 0)
      const isRecorded = options !== undefined || planned.has(name)
      const text = isRecorded ? await runRecorded(name, work, rules) : await runPlain(name, work)
      tellProgress(name, 1)
      return (text === null ? undefined : JSON.parse(text)) as T
    },
    async plan(steps) {
      for (const { name } of steps) checkName(name)
      const { attempt } = execution
      const states = await held((holder) => keeper.plan({ ...holder, attempt, steps }))
      for (const { name } of steps) if (!planned.has(name)) planned.set(name, planned.size)
      return states
    },
    async skip(names) {
      await held((holder) => keeper.skip(holder, names))
    },
  }
}
