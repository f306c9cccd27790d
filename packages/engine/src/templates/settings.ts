import { show, TrunklineError } from '@trunkline/contract'
import { checkAttempts, checkKeys, checkName, checkPriority } from '../jobs/check-options.ts'
import { readTags } from '../jobs/enqueue.ts'
import { type GateKeyOptions, gateKeyNames, readGateKeys } from '../jobs/gate-keys.ts'

/** What a template or a schedule says of its jobs; what is left out is the task's. */
export interface JobSettings extends Readonly<GateKeyOptions> {
  readonly queue?: string
  readonly priority?: number
  readonly maxAttempts?: number
  readonly timeoutMs?: number
  readonly tags?: readonly string[]
}

/** @throws `unknown_option`, `invalid_option`, `invalid_name`, `invalid_priority` */
export function readSettings(given: unknown = {}): JobSettings {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TrunklineError('invalid_option', { field: 'options', received: show(given), allowed: 'an object' })
  }
  checkKeys(given, ['queue', 'priority', 'maxAttempts', 'timeoutMs', 'tags', ...gateKeyNames], 'options')
  const { queue, priority, maxAttempts, timeoutMs, tags } = given as JobSettings
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= 315_360_000_000)) {
    throw new TrunklineError('invalid_option', { field: 'options.timeoutMs', received: show(timeoutMs), allowed: '1 to 315360000000' })
  }
  const gates = readGateKeys(given as JobSettings, 'options.')
  return {
    ...(queue === undefined ? {} : { queue: checkName(queue, 'options.queue') }),
    ...(priority === undefined ? {} : { priority: checkPriority(priority) }),
    ...(maxAttempts === undefined ? {} : { maxAttempts: checkAttempts(maxAttempts, 'options.maxAttempts') }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(tags === undefined ? {} : { tags: readTags(tags) }),
    ...Object.fromEntries(gateKeyNames.flatMap((name, i) => (gates?.[i] == null ? [] : [[name, gates[i]]]))),
  }
}

const isPlain = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A template's payload with one's own on top: fields of objects one by one, anything else instead of it. */
export function mergePayload(base: unknown, own: unknown): unknown {
  if (own === undefined || own === null) return base ?? null
  return isPlain(base) && isPlain(own) ? { ...base, ...own } : own
}

/** @throws `invalid_option` unless `value` is text of 1 (0) to `most` characters that PostgreSQL can store */
export function readText(value: unknown, field: string, most: number, least = 1): string {
  if (typeof value === 'string' && value.length >= least && value.length <= most && !value.includes('\0') && value.isWellFormed())
    return value
  throw new TrunklineError('invalid_option', { field, received: show(value), allowed: `text of ${least} to ${most} characters` })
}

/** Text or nothing. @throws `invalid_option` */
export function readOptionalText(value: unknown, field: string, most = 2000): string | null {
  return value === undefined || value === null ? null : readText(value, field, most, 0)
}
