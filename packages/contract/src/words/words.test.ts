import { describe, expect, test } from 'vitest'
import {
  formatDuration,
  isTrunklineError,
  jobStates,
  nearest,
  percentOf,
  progressText,
  show,
  TrunklineError,
  toMilliseconds,
} from '../index.ts'

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
    [250, 250],
    [0, 0],
  ])('%s is %d ms', (text, ms) => {
    expect(toMilliseconds(text, 'x')).toBe(ms)
  })
  test.each(['', '2', '2 parsecs', '-1s', -1, Number.NaN, Number.POSITIVE_INFINITY, '9'.repeat(300), null, {}, '4000d'])(
    '%s is refused',
    (text) => {
      expect(() => toMilliseconds(text as never, 'timeout')).toThrow(
        expect.objectContaining({ code: 'invalid_duration', field: 'timeout' }),
      )
    },
  )
  test.each([
    [850, '850 ms'],
    [12_400, '12.4 s'],
    [135_000, '2m15s'],
    [11_040_000, '3h04m'],
  ])('%d ms reads %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

test('the nearest word is found, and only a near one', () => {
  expect(nearest('backup_craete', ['backup_create', 'sql_run'])).toBe('backup_create')
  expect(nearest('conncurency', ['concurrency', 'queues'])).toBe('concurrency')
  expect(nearest('xyz', ['concurrency', 'queues'])).toBeUndefined()
  expect(nearest('x'.repeat(1e6), ['concurrency'])).toBeUndefined()
})

test('progress reads the same everywhere', () => {
  expect(progressText({ stage: 'Processing users', current: 1250, total: 5000 })).toBe('Processing users (1,250 / 5,000)')
  expect(progressText({ stage: 'Scanning', current: 1250, total: null })).toBe('Scanning (1,250 processed)')
  expect(percentOf(1250, 5000)).toBe(25)
  expect(percentOf(5, 0)).toBeNull()
  expect(percentOf(9, 3)).toBe(100)
})

test('an error names what was received, and is known across copies of the package', () => {
  const error = new TrunklineError('invalid_priority', { field: 'priority', received: show('x'.repeat(500)) })
  expect(error).toMatchObject({ code: 'invalid_priority', status: 400, field: 'priority' })
  expect(error.message.length).toBeLessThan(300)
  expect(isTrunklineError(Object.assign(new Error(), { name: 'TrunklineError', code: 'usage' }), 'usage')).toBe(true)
  expect(isTrunklineError(new Error('x'))).toBe(false)
  expect(jobStates).toContain('blocked')
})
