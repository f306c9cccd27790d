import { formatDuration, limits, TrunklineError } from '@trunkline/contract'
import { checkPayload } from '../jobs/enqueue.ts'
import { errorJson } from '../jobs/error-json.ts'
import { FatalError, Snooze } from '../jobs/fate.ts'
import { jsonText } from '../jobs/json-text.ts'
import type { FeedbackWriter } from '../log/feedback-writer.ts'
import type { WorkerEventListener } from './events.ts'
import type { Execution, Settled } from './execution.ts'

/** How an execution ended; JSON texts, times of `performance.now()`. */
export type End = { startedAt: number; endedAt: number; stuck: boolean } & (
  | { how: 'completed'; result: string | null }
  | { how: 'failed'; error: string }
  | { how: 'cancelled' }
  | { how: 'retrying' | 'snoozed' | 'handedBack'; delayMs: number; error: string | null }
  /** The lease is lost: there is nothing to store. */
  | { how: 'dropped' }
)
type Fate = End extends infer E ? (E extends End ? Omit<E, 'startedAt' | 'endedAt' | 'stuck'> : never) : never

/** What running needs from its worker. */
export interface RunOptions {
  timeoutMs: number | null
  graceMs: number
  writer: FeedbackWriter
  emit: WorkerEventListener | undefined
}

/** Runs one job to its end: parses and checks its payload, keeps its time, decides its fate. Never throws. */
export async function runJob(execution: Execution, options: RunOptions): Promise<End> {
  const { job, task, startedAt } = execution
  const { emit } = options
  emit?.({ type: 'job_started', jobId: String(job.id), task: task.name, attempt: job.attempt + 1 })
  const settled = await handle(execution, options)
  const endedAt = performance.now()
  const stuck = settled.how === 'abandoned'
  if (stuck) emit?.({ type: 'handler_stuck', jobId: String(job.id), task: task.name, why: execution.aborted ?? '' })
  const fate = decide(execution, settled)
  execution.end()
  await settleFeedback(execution, fate, options)
  if (emit) {
    const how = fate.how === 'dropped' || fate.how === 'handedBack' ? 'handed_back' : fate.how
    const error = 'error' in fate && fate.error !== null ? { error: (JSON.parse(fate.error) as { message: string }).message } : {}
    emit({ type: 'job_ended', jobId: String(job.id), task: task.name, attempt: job.attempt + 1, how, ms: endedAt - startedAt, ...error })
  }
  return { ...fate, startedAt, endedAt, stuck } as End
}

async function handle(execution: Execution, { timeoutMs, graceMs }: RunOptions): Promise<Settled> {
  let input: unknown
  try {
    input = JSON.parse(execution.job.payload)
    if (execution.task.schema) input = await checkPayload(execution.task, input)
  } catch (error) {
    return { how: 'threw', error }
  }
  if (timeoutMs !== null) {
    execution.after(timeoutMs, () =>
      execution.abort('timeout', new TrunklineError('timeout', { allowed: formatDuration(timeoutMs) }), graceMs),
    )
  }
  return await execution.run(input)
}

function decide(execution: Execution, settled: Settled): Fate {
  switch (execution.aborted) {
    case 'lease_lost':
      return { how: 'dropped' }
    case 'cancelled':
      return { how: 'cancelled' }
    case 'timeout':
      return retryOf(execution, execution.abortError)
    case 'stopping':
      // it may still have finished its work before it noticed; only then there is something to store
      if (settled.how !== 'returned') return { how: 'handedBack', delayMs: 0, error: null }
  }
  if (settled.how === 'returned') return completed(settled.value)
  return settled.how === 'threw' ? failed(execution, settled.error) : retryOf(execution, execution.abortError)
}

function completed(value: unknown): Fate {
  if (value === undefined) return { how: 'completed', result: null }
  try {
    return { how: 'completed', result: jsonText(value, 'result', limits.resultBytes) }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return { how: 'failed', error: stored(new TrunklineError('result_unserialisable', { field: 'result', problem }), 'fatal') }
  }
}

function failed(execution: Execution, error: unknown): Fate {
  if (error instanceof Snooze) return { how: 'snoozed', delayMs: error.delayMs, error: null }
  // trying again cannot make a bad payload good
  const fatal = error instanceof FatalError || (error instanceof TrunklineError && error.code === 'invalid_payload')
  return fatal ? { how: 'failed', error: stored(error, 'fatal') } : retryOf(execution, error)
}

function retryOf(execution: Execution, error: unknown): Fate {
  let delayMs: number
  try {
    delayMs = execution.task.backoff(execution.job.attempt + 1, error, Math.random())
  } catch (broken) {
    execution.log.warn('the backoff function of the task failed; waiting a minute instead', { error: errorJson(broken).message })
    delayMs = 60_000
  }
  return { how: 'retrying', delayMs, error: stored(error) }
}

function stored(error: unknown, reason?: string): string {
  return JSON.stringify(errorJson(error, reason === undefined ? {} : { reason }))
}

/** The end of an execution stands in its log; everything it said is stored before its end is, or the fence would refuse it. */
async function settleFeedback(execution: Execution, fate: Fate, { writer }: RunOptions): Promise<void> {
  if (fate.how === 'failed' || fate.how === 'retrying') {
    const { message } = JSON.parse(fate.error ?? '{}') as { message?: string }
    execution.log.error(`attempt ${execution.job.attempt + 1} failed: ${message ?? ''}`)
  } else if (fate.how === 'cancelled' && execution.feedback) execution.log.warn('cancelled')
  const { feedback } = execution
  if (!feedback) return
  feedback.finish()
  await writer.settle(feedback)
}
