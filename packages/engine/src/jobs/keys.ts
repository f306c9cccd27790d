import { type Duration, didYouMean, limits, show, TrunklineError, toMilliseconds, type UniqueMode, uniqueModes } from '@trunkline/contract'

/** What may be said of keys when a job is made. */
export interface KeyOptions {
  /** One unfinished job of this key per queue, by `uniqueMode`. 1 to 500 characters. */
  uniqueKey?: string
  /** Default `ignore`; see {@link UniqueMode}. */
  uniqueMode?: UniqueMode
  /**
   * `ignore` and `replace`: so long after its end a job still holds its key (default 0). `debounce`: so long after the last call
   * the job fires. `throttle`: one call is accepted in so long, counted from the accepted one. Needed for the last two.
   */
  uniqueWindow?: Duration
  /** `debounce` only: the job fires so long after the first call at the latest. Default: ten times `uniqueWindow`. */
  uniqueMaxWait?: Duration
  /** The same request under this key makes one job, whatever happened to its answer; another request is refused. */
  idempotencyKey?: string
  /** How long an idempotency key is remembered. Default 24 h. */
  idempotencyWindow?: Duration
}

/** {@link KeyOptions}, checked; times in ms. */
export interface Keys {
  readonly uniqueKey: string | null
  /** As stored: 1 ignore, 2 replace, 3 debounce, 4 throttle. */
  readonly mode: number
  readonly windowMs: number | null
  readonly maxWaitMs: number | null
  readonly idempotencyKey: string | null
  readonly idempotencyMs: number
}

/** Names of {@link KeyOptions}. */
export const keyOptionNames = ['uniqueKey', 'uniqueMode', 'uniqueWindow', 'uniqueMaxWait', 'idempotencyKey', 'idempotencyWindow'] as const

/** @throws `invalid_option` unless `value` is text that can be a key */
export function checkKey(value: unknown, field: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= limits.keyLength && !value.includes('\0') && value.isWellFormed())
    return value
  throw new TrunklineError('invalid_option', { field, received: show(value), allowed: `text of 1 to ${limits.keyLength} characters` })
}

function readWindows(options: KeyOptions, mode: UniqueMode): Pick<Keys, 'windowMs' | 'maxWaitMs'> {
  const windowMs = options.uniqueWindow === undefined ? null : toMilliseconds(options.uniqueWindow, 'uniqueWindow')
  if ((mode === 'debounce' || mode === 'throttle') && !windowMs) {
    throw new TrunklineError('invalid_option', {
      field: 'uniqueWindow',
      received: show(options.uniqueWindow),
      allowed: `a duration above zero for the mode ${mode}`,
    })
  }
  if (options.uniqueMaxWait !== undefined && mode !== 'debounce') {
    throw new TrunklineError('invalid_option', {
      field: 'uniqueMaxWait',
      received: `given with the mode ${mode}`,
      allowed: 'only with debounce',
    })
  }
  const maxWaitMs = options.uniqueMaxWait === undefined ? windowMs && windowMs * 10 : toMilliseconds(options.uniqueMaxWait, 'uniqueMaxWait')
  return { windowMs, maxWaitMs: mode === 'debounce' ? Math.min(maxWaitMs ?? 0, limits.durationMs) : null }
}

/**
 * Checks the key options of one enqueue; null when it has none.
 * @throws `invalid_option`, `invalid_duration`
 */
export function readKeys(options: KeyOptions): Keys | null {
  const { uniqueKey, uniqueMode = 'ignore', idempotencyKey } = options
  if (!uniqueModes.includes(uniqueMode)) {
    throw new TrunklineError('invalid_option', {
      field: 'uniqueMode',
      received: show(uniqueMode),
      allowed: uniqueModes.join(', ') + didYouMean(String(uniqueMode), uniqueModes),
    })
  }
  if (uniqueKey === undefined) {
    for (const name of ['uniqueMode', 'uniqueWindow', 'uniqueMaxWait'] as const) {
      if (options[name] !== undefined)
        throw new TrunklineError('invalid_option', { field: name, received: 'given without uniqueKey', allowed: 'together with uniqueKey' })
    }
  }
  if (idempotencyKey === undefined && options.idempotencyWindow !== undefined) {
    throw new TrunklineError('invalid_option', {
      field: 'idempotencyWindow',
      received: 'given without idempotencyKey',
      allowed: 'together with idempotencyKey',
    })
  }
  if (uniqueKey === undefined && idempotencyKey === undefined) return null
  return {
    uniqueKey: uniqueKey === undefined ? null : checkKey(uniqueKey, 'uniqueKey'),
    mode: uniqueModes.indexOf(uniqueMode) + 1,
    ...readWindows(options, uniqueMode),
    idempotencyKey: idempotencyKey === undefined ? null : checkKey(idempotencyKey, 'idempotencyKey'),
    idempotencyMs: toMilliseconds(options.idempotencyWindow ?? '24h', 'idempotencyWindow'),
  }
}
