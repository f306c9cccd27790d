import { type Duration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'

/** The built-in curves. */
export type BackoffCurve = 'exponential' | 'linear' | 'fixed'

/** How long a job waits before its next attempt. */
export interface Backoff {
  /** `exponential` doubles, `linear` adds, `fixed` repeats `delay`. Default `exponential`. */
  curve?: BackoffCurve
  /** The first wait. Default 1 s. */
  delay?: Duration
  /** The longest wait. Default 1 h. */
  maxDelay?: Duration
  /** Share of the wait that is drawn at random, so that failures of one moment do not return in one moment. 0 to 1, default 0.25. */
  jitter?: number
}

/** A curve by name, its settings, or a function of the failed attempt (1 for the first) and its error that returns the wait. */
export type BackoffOption = BackoffCurve | Backoff | ((attempt: number, error: unknown) => Duration)

/** Milliseconds to wait after `attempt` (1 for the first) failed with `error`. `random` is 0 to below 1. */
export type BackoffFunction = (attempt: number, error: unknown, random: number) => number

const curves: Record<BackoffCurve, (base: number, attempt: number) => number> = {
  exponential: (base, attempt) => base * 2 ** Math.min(attempt - 1, 40),
  linear: (base, attempt) => base * attempt,
  fixed: (base) => base,
}

/**
 * Checks a backoff option once, so that computing a wait cannot fail later.
 * @throws `invalid_option`, `invalid_duration`
 * @example readBackoff('exponential')(3, error, 0.5) // 4000
 */
export function readBackoff(option: BackoffOption = 'exponential', field = 'retry.backoff'): BackoffFunction {
  if (typeof option === 'function') {
    return (attempt, error) => toMilliseconds(option(attempt, error), 'backoff()')
  }
  const {
    curve = 'exponential',
    delay = 1000,
    maxDelay = 3_600_000,
    jitter = 0.25,
  } = typeof option === 'string' ? { curve: option } : option
  const shape = Object.hasOwn(curves, curve) ? curves[curve] : undefined
  if (!shape) throw new TrunklineError('invalid_option', { field, received: show(curve), allowed: Object.keys(curves).join(', ') })
  if (!(jitter >= 0 && jitter <= 1))
    throw new TrunklineError('invalid_option', { field: `${field}.jitter`, received: show(jitter), allowed: '0 to 1' })
  const base = toMilliseconds(delay, `${field}.delay`)
  const most = toMilliseconds(maxDelay, `${field}.maxDelay`)
  return (attempt, _error, random) => {
    const wait = Math.min(shape(base, attempt), most)
    return Math.round(wait * (1 - jitter / 2 + jitter * random))
  }
}
