import { limits, TrunklineError } from '@trunkline/contract'
import { errorJson, failedJson } from '../jobs/error-json.ts'
import { FatalError, Snooze } from '../jobs/fate.ts'
import { jsonText } from '../jobs/json-text.ts'
import type { CheckedRule } from '../jobs/retry-rules.ts'
import type { Execution, Settled } from './execution.ts'
import type { FenceState } from './fence.ts'

/** What becomes of a job after an execution; errors and results are JSON texts. */
export type Fate =
  | { how: 'completed'; result: string | null }
  /** The handler's own transaction has completed it. */
  | { how: 'completed_already' }
  | { how: 'failed'; error: string }
  | { how: 'cancelled' }
  /** `allowed`: failed tries, where a rule says another number than the job. */
  | { how: 'retrying'; delayMs: number; error: string; allowed: number | null }
  | { how: 'snoozed' | 'handedBack'; delayMs: number; error: null }
  /** The lease is lost, or locked by a transaction that nobody ends: there is nothing to store. */
  | { how: 'dropped' }

/**
 * Decides the fate of a job.
 * @param fence how its own lease stands, when it has one; else null
 */
export function decide(execution: Execution, settled: Settled, fence: FenceState | null): Fate {
  if (fence === 'ended') return { how: 'completed_already' }
  if (fence === 'open' || fence === 'lost') return { how: 'dropped' }
  switch (execution.aborted) {
    case 'lease_lost':
      return { how: 'dropped' }
    case 'cancelled':
      return { how: 'cancelled' }
    case 'timeout':
      return failed(execution, execution.abortError)
    case 'stopping':
      // it may still have finished its work before it noticed; only then there is something to store
      if (settled.how !== 'returned') return { how: 'handedBack', delayMs: 0, error: null }
  }
  if (settled.how === 'returned') return completed(execution, settled.value)
  return failed(execution, settled.how === 'threw' ? settled.error : execution.abortError)
}

function completed({ task, ownResult }: Execution, value: unknown): Fate {
  if (value === undefined) return { how: 'completed', result: ownResult?.result ?? null }
  try {
    return { how: 'completed', result: jsonText(value, 'result', limits.resultBytes) }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return fatal(new TrunklineError('result_unserialisable', { field: 'result', problem }), task.name)
  }
}

function fatal(error: unknown, task: string): Fate {
  return { how: 'failed', error: JSON.stringify(failedJson(error, task, { reason: 'fatal' })) }
}

function failed(execution: Execution, error: unknown): Fate {
  const { task } = execution
  if (error instanceof Snooze) return { how: 'snoozed', delayMs: error.delayMs, error: null }
  // trying again cannot make a bad payload good
  if (error instanceof FatalError || (error instanceof TrunklineError && error.code === 'invalid_payload')) return fatal(error, task.name)
  const rule = task.rules.find((r) => r.matches(error)) ?? null
  if (rule?.fate === 'fail') return fatal(error, task.name)
  if (rule?.fate === 'snooze') {
    execution.log.warn(`snoozed by a rule: ${errorJson(error).message}`)
    return { how: 'snoozed', delayMs: rule.delayMs, error: null }
  }
  return retry(execution, error, rule)
}

function retry(execution: Execution, error: unknown, rule: CheckedRule | null): Fate {
  const backoff = rule?.backoff ?? execution.task.backoff
  let delayMs: number
  try {
    delayMs = backoff(execution.job.attempt + 1, error, Math.random())
  } catch (broken) {
    execution.log.warn('the backoff function of the task failed; waiting a minute instead', { error: errorJson(broken).message })
    delayMs = 60_000
  }
  const stored = JSON.stringify(failedJson(error, execution.task.name))
  return { how: 'retrying', delayMs, error: stored, allowed: rule?.attempts ?? null }
}
