import { didYouMean, limits, show, TrunklineError } from '@trunkline/contract'
import { checkKeys } from './check-options.ts'
import { checkJobId } from './names.ts'

/** What becomes of a job when one that it depends on fails or is cancelled: it is cancelled too, runs anyway, or waits until that one was retried. */
export const failurePolicies = ['cancel', 'run', 'wait'] as const
/** One of {@link failurePolicies}. */
export type FailurePolicy = (typeof failurePolicies)[number]

/** A job that must end before another may begin. */
export interface DependsOnJob {
  jobId: string
  /** Default `cancel`. */
  onFailure?: FailurePolicy
}

/** {@link DependsOnJob}, checked; the policy as stored. */
export interface Dependency {
  readonly jobId: string
  readonly policy: number
}

/** @throws `invalid_option` unless `value` is one of {@link failurePolicies} */
export function readPolicy(value: unknown, field: string): number {
  const policy = failurePolicies.indexOf((value ?? 'cancel') as FailurePolicy)
  if (policy >= 0) return policy
  throw new TrunklineError('invalid_option', {
    field,
    received: show(value),
    allowed: failurePolicies.join(', ') + didYouMean(String(value), failurePolicies),
  })
}

/**
 * Jobs, by id, that must end first; each counts once, with what was said of it last.
 * @throws `invalid_option`, `unknown_option`, `invalid_job_id`
 */
export function readDependsOn(value: readonly (string | DependsOnJob)[], field = 'dependsOn'): Dependency[] {
  if (!Array.isArray(value) || value.length > limits.dependsOn) {
    throw new TrunklineError('invalid_option', { field, received: show(value), allowed: `up to ${limits.dependsOn} ids of jobs` })
  }
  const found = new Map<string, Dependency>()
  for (const [i, item] of value.entries()) {
    if (typeof item === 'object' && item !== null) checkKeys(item, ['jobId', 'onFailure'], `${field}[${i}]`)
    const { jobId, onFailure } = typeof item === 'string' ? { jobId: item } : ((item ?? {}) as DependsOnJob)
    found.set(jobId, { jobId: checkJobId(jobId), policy: readPolicy(onFailure, `${field}[${i}].onFailure`) })
  }
  return [...found.values()]
}
