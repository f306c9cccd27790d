import { TrunklineError } from '@trunkline/contract'

/** Counts what each caller does within a window. Per server: several servers count each for itself. */
export interface Limiter {
  /** @throws `too_many_requests` with the seconds until the window ends */
  take(key: string): void
}

/** Keys that are remembered at once; beyond that the oldest go. */
const mostKeys = 50_000

/**
 * At most `most` calls of a key within `windowMs`, counted from its first.
 * @param what the plural, for the sentence
 */
export function createLimiter({
  what,
  most,
  windowMs,
  now = Date.now,
}: {
  what: string
  most: number
  windowMs: number
  now?: () => number
}): Limiter {
  const windows = new Map<string, { until: number; used: number }>()
  return {
    take(key) {
      const at = now()
      let window = windows.get(key)
      if (!window || window.until <= at) {
        windows.delete(key)
        if (windows.size >= mostKeys) for (const oldest of windows.keys()) if (windows.delete(oldest)) break
        window = { until: at + windowMs, used: 0 }
        windows.set(key, window)
      }
      if (window.used >= most) {
        throw new TrunklineError('too_many_requests', {
          what,
          allowed: `${most} in ${Math.round(windowMs / 1000)} s`,
          retryAfter: Math.max(1, Math.ceil((window.until - at) / 1000)),
        })
      }
      window.used++
    },
  }
}
