import { describe, expect, test } from 'vitest'
import { type BackoffOption, readBackoff } from './backoff.ts'

const waits = (option: BackoffOption | undefined, random = 0.5) =>
  [1, 2, 3, 4, 50].map((n) => readBackoff(option)(n, new Error('x'), random))

describe('the wait before the next attempt', () => {
  test('has three curves up to a longest wait', () => {
    expect(waits('exponential')).toEqual([1000, 2000, 4000, 8000, 3_600_000])
    expect(waits(undefined)).toEqual(waits('exponential'))
    expect(waits({ curve: 'linear', delay: '2s', maxDelay: '5s' })).toEqual([2000, 4000, 5000, 5000, 5000])
    expect(waits({ curve: 'fixed', delay: 100 })).toEqual([100, 100, 100, 100, 100])
  })

  test('is drawn within the share that jitter says', () => {
    const option = { curve: 'fixed', delay: 1000, jitter: 0.5 } as const
    expect([0, 0.5, 0.999].map((random) => waits(option, random)[0])).toEqual([750, 1000, 1250])
    expect(waits({ ...option, jitter: 0 }, 0.9)[0]).toBe(1000)
  })

  test('can be a function of the attempt and its error', () => {
    const backoff = readBackoff((attempt, error) => (error as { retryAfter?: string }).retryAfter ?? attempt * 10)
    expect(backoff(3, new Error('x'), 0)).toBe(30)
    expect(backoff(3, { retryAfter: '90s' }, 0)).toBe(90_000)
    expect(() => readBackoff(() => 'soon')(1, null, 0)).toThrow(expect.objectContaining({ code: 'invalid_duration', field: 'backoff()' }))
  })

  test.each([
    [{ curve: 'cubic' }, 'invalid_option', 'retry.backoff'],
    [{ jitter: 2 }, 'invalid_option', 'retry.backoff.jitter'],
    [{ delay: 'soon' }, 'invalid_duration', 'retry.backoff.delay'],
    [{ maxDelay: -1 }, 'invalid_duration', 'retry.backoff.maxDelay'],
  ])('%j is refused', (option, code, field) => {
    expect(() => readBackoff(option as BackoffOption)).toThrow(expect.objectContaining({ code, field }))
  })
})
