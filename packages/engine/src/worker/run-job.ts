import { formatDuration, TrunklineError } from '@trunkline/contract'
import { checkPayload } from '../jobs/enqueue.ts'
import type { FeedbackWriter } from '../log/feedback-writer.ts'
import { decide, type Fate } from './decide.ts'
import type { WorkerEventListener } from './events.ts'
import type { Execution, Settled } from './execution.ts'
import type { FenceState } from './fence.ts'
import { type Middleware, throughMiddleware } from './middleware.ts'

/** How an execution ended; times of `performance.now()`. */
export type End = { startedAt: number; endedAt: number } & Fate

/** What running needs from its worker. */
export interface RunOptions {
  timeoutMs: number | null
  graceMs: number
  middleware: readonly Middleware[]
  writer: FeedbackWriter
  emit: WorkerEventListener | undefined
  /** Told of each job that ends. */
  onEnd: (execution: Execution, end: End) => void
}

/**
 * Runs one job to its end: parses and checks its payload, keeps its time, decides its fate. Never throws.
 * @returns whether its handler ignored its abort
 */
export async function runJob(execution: Execution, options: RunOptions): Promise<boolean> {
  const { job, task } = execution
  options.emit?.({ type: 'job_started', jobId: String(job.id), task: task.name, attempt: job.attempt + 1 })
  const settled = await handle(execution, options)
  const stuck = settled.how === 'abandoned'
  if (stuck) options.emit?.({ type: 'handler_stuck', jobId: String(job.id), task: task.name, why: execution.aborted ?? '' })
  await finish(execution, settled, options)
  return stuck
}

/** The payload of a job as its handler gets it. @throws `invalid_payload` */
export async function readInput({ job, task }: Execution): Promise<unknown> {
  const input: unknown = JSON.parse(job.payload)
  return task.schema ? await checkPayload(task, input) : input
}

/** What a handler hears whose time is over. */
export function timeoutError(timeoutMs: number): TrunklineError {
  return new TrunklineError('timeout', { allowed: formatDuration(timeoutMs) })
}

async function handle(execution: Execution, { timeoutMs, graceMs, middleware }: RunOptions): Promise<Settled> {
  const { task } = execution
  let input: unknown
  try {
    input = JSON.parse(execution.job.payload)
    // a job without a schema begins in this turn of the event loop
    if (task.schema) input = await checkPayload(task, input)
  } catch (error) {
    return { how: 'threw', error }
  }
  if (timeoutMs !== null) execution.after(timeoutMs, () => execution.abort('timeout', timeoutError(timeoutMs), graceMs))
  const context = execution.context(input)
  return await execution.run(() => throughMiddleware(middleware, context, () => task.run(context)))
}

/** Ends an execution: decides its fate, stores what it said, tells of it. Never throws. */
export async function finish(execution: Execution, settled: Settled, options: RunOptions): Promise<void> {
  const { job, task, startedAt } = execution
  const { emit } = options
  const endedAt = performance.now()
  const fence = execution.ownLease ? await fenceOf(execution, settled.how === 'abandoned' ? 500 : 30_000) : null
  const fate = decide(execution, settled, fence)
  execution.end()
  await settleFeedback(execution, fate, options)
  if (fence === 'lost') emit?.({ type: 'lease_lost', jobIds: [String(job.id)] })
  if (emit) {
    const error = 'error' in fate && fate.error !== null ? { error: (JSON.parse(fate.error) as { message: string }).message } : {}
    const ms = endedAt - startedAt
    emit({ type: 'job_ended', jobId: String(job.id), task: task.name, attempt: job.attempt + 1, how: told[fate.how], ms, ...error })
  }
  options.onEnd(execution, { ...fate, startedAt, endedAt })
}

/**
 * How its lease stands. Whoever stores lines or a step of it locks it for one statement, as a transaction of the handler does for
 * longer: it is open only when it is so for `patienceMs`. The transactions of a handler that was not abandoned have ended by now. Without
 * an answer its end is sent in the ordinary way, which finds out as well.
 */
async function fenceOf(execution: Execution, patienceMs: number): Promise<FenceState> {
  const until = performance.now() + patienceMs
  for (let pause = 5; ; pause = Math.min(500, pause * 2)) {
    const found = await execution.fence.state(execution).catch(() => 'held' as const)
    if (found !== 'open' || performance.now() > until) return found
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

const told = {
  completed: 'completed',
  completed_already: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  retrying: 'retrying',
  snoozed: 'snoozed',
  handedBack: 'handed_back',
  dropped: 'handed_back',
} as const

/** The end of an execution stands in its log; everything it said is stored before its end is, or the fence would refuse it. */
async function settleFeedback(execution: Execution, fate: Fate, { writer }: RunOptions): Promise<void> {
  // the fence of one that has ended or is locked would refuse it, or make the lines of all others wait
  const unheard = fate.how === 'completed_already' || (fate.how === 'dropped' && execution.ownLease)
  if (unheard && execution.feedback) return writer.drop(execution.feedback)
  if (fate.how === 'failed' || fate.how === 'retrying') {
    const { message } = JSON.parse(fate.error) as { message?: string }
    execution.log.error(`attempt ${execution.job.attempt + 1} failed: ${message ?? ''}`)
  } else if (fate.how === 'cancelled' && execution.feedback) execution.log.warn('cancelled')
  const { feedback } = execution
  if (!feedback) return
  feedback.finish()
  writer.release(feedback)
  await writer.settle(feedback)
}
