import { didYouMean, limits, namePattern, show, TrunklineError } from '@trunkline/contract'

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
