import { show, TrunklineError } from './errors.ts'
import { limits } from './limits.ts'

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A duration: milliseconds as a number, or text such as `500ms`, `30s`, `2m`, `1h`, `1d`. */
export type Duration = number | string

/**
 * Milliseconds of a duration.
 * @param field the name used in the error
 * @throws `invalid_duration` when it is negative, not a duration, or longer than ten years
 * @example toMilliseconds('2m', 'timeout') // 120000
 */
export function toMilliseconds(value: Duration, field: string): number {
  let ms = Number.NaN
  if (typeof value === 'number') ms = value
  else if (typeof value === 'string' && value.length < 40) {
    const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value.trim())
    if (found) ms = Number(found[1]) * (units[found[2] ?? ''] ?? Number.NaN)
  }
  if (!Number.isFinite(ms) || ms < 0 || ms > limits.durationMs) {
    throw new TrunklineError('invalid_duration', { field, received: show(value) })
  }
  return Math.round(ms)
}

/**
 * A duration for people: `850 ms`, `12.4 s`, `2m15s`, `3h04m`.
 * @example formatDuration(135_000) // '2m15s'
 */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const two = (n: number) => String(n).padStart(2, '0')
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`
}
