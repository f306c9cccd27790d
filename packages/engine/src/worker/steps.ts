import { limits, show, TrunklineError } from '@trunkline/contract'
import { jsonText } from '../jobs/json-text.ts'
import type { Steps } from '../jobs/steps.ts'
import type { Execution } from './execution.ts'

/** Where steps are kept. */
export interface StepKeeper {
  /** Results by name, as they were kept; undefined for nothing. */
  read(jobId: string): Promise<Map<string, unknown>>
  /** Answers whether the worker still holds the job. */
  keep(step: { leaseId: number; jobId: number; name: string; attempt: number; ms: number; result: string | null }): Promise<boolean>
}

function checkName(name: unknown, used: ReadonlySet<string>): void {
  const good = typeof name === 'string' && name.length >= 1 && name.length <= limits.nameLength && !/\0/.test(name) && name.isWellFormed()
  if (!good) {
    throw new TrunklineError('invalid_option', {
      field: 'step.name',
      received: show(name),
      allowed: `text of 1 to ${limits.nameLength} characters`,
    })
  }
  if (!used.has(name)) return
  throw new TrunklineError('invalid_option', {
    field: 'step.name',
    received: show(name),
    allowed: 'a name that no other step of the handler has',
  })
}

/** Makes the {@link Steps} of one execution. */
export function createSteps(execution: Execution, keeper: StepKeeper): Steps {
  const used = new Set<string>()
  let known: Promise<Map<string, unknown>> | null = null

  async function keep(name: string, ms: number, result: string | null): Promise<void> {
    for (;;) {
      const { leaseId, job, attempt } = execution
      if (await keeper.keep({ leaseId, jobId: job.id, name, attempt, ms, result })) return
      // a transaction of the handler may have moved the job to another lease meanwhile
      if (execution.leaseId === leaseId) throw new TrunklineError('lease_lost', { job: job.id })
    }
  }

  return {
    async run<T>(name: string, work: () => T | Promise<T>): Promise<T> {
      checkName(name, used)
      used.add(name)
      known ??= keeper.read(String(execution.id))
      const found = await known
      if (found.has(name)) return found.get(name) as T
      execution.signal.throwIfAborted()
      execution.log.setStage(name)
      const begun = performance.now()
      const value: unknown = await work()
      const text = value === undefined ? null : jsonText(value, 'result', limits.resultBytes)
      await keep(name, performance.now() - begun, text)
      return (text === null ? undefined : JSON.parse(text)) as T
    },
  }
}
