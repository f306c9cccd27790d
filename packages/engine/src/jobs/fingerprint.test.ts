import { describe, expect, test } from 'vitest'
import { fingerprint, framesOf, maskMessage } from './fingerprint.ts'

test.each([
  ['user 42 has 3.5 credits', 'user <n> has <n> credits'],
  ['no row 5f0c2b1e-8a4d-4a57-9d3e-0123456789ab', 'no row <uuid>'],
  ['commit 4e666c6ab1 at 0xDEADbeef', 'commit <hex> at <hex>'],
  ['the defaced facade', 'the defaced facade'],
  ['no column "name" in `people` of \'x\'', 'no column <text> in <text> of <text>'],
  ["can't read the user's file", "can't read the user's file"],
  ['mail to ada.l+1@example.org bounced', 'mail to <email> bounced'],
  ['GET https://api.example.org/v1/users/7?q="x" answered 503', 'GET <url><text> answered <n>'],
  ['took 12:30:05, 1,000 rows', 'took <n>, <n> rows'],
  ['two\n  lines', 'two lines'],
])('%j is masked as %j', (message, masked) => {
  expect(maskMessage(message)).toBe(masked)
})

const stack = (root: string, line: number) => `TypeError: x
    at shrink (${root}/src/image.ts:${line}:7)
    at async Object.run (file://${root}/src/tasks.js?v=1:${line + 1}:9)
    at node:internal/process/task_queues:95:5
    at client.query (${root}/node_modules/pg/lib/client.js:526:17)
    at new Thing (${root}/src/thing.ts:1:1)
    at fourth (${root}/src/fourth.ts:1:1)`

test('the place is three frames of user code, without lines and folders', () => {
  expect(framesOf(stack('/app', 10))).toEqual(['shrink@image.ts', 'run@tasks.js', 'Thing@thing.ts'])
  expect(framesOf('no stack at all')).toEqual([])
})

describe('two failures have one fingerprint', () => {
  const one = { name: 'TypeError', message: 'user 1 is gone', stack: stack('/app', 10) }
  const base = fingerprint('image.resize', one)

  test('when only values, lines or folders differ', () => {
    expect(base).toMatch(/^[0-9a-f]{16}$/)
    expect(fingerprint('image.resize', { ...one, message: 'user 2 is gone', stack: stack('/srv/releases/7', 99) })).toBe(base)
  })

  test('and it is the same in every process', () => {
    expect(fingerprint('t', { name: 'Error', message: 'no luck 1' })).toBe('2d16a48f1ee6a4b8')
  })

  test.each([
    ['the task', 'image.crop', {}],
    ['the class', 'image.resize', { name: 'RangeError' }],
    ['the words', 'image.resize', { message: 'user 1 is late' }],
    ['the place', 'image.resize', { stack: stack('/app', 10).replace('shrink', 'grow') }],
    ['the code', 'image.resize', { code: 'ECONNREFUSED' }],
  ])('but not when %s differs', (_, task, change) => {
    expect(fingerprint(task, { ...one, ...change })).not.toBe(base)
  })

  test('when PostgreSQL refused the same constraint, wherever that happened; not another one', () => {
    const sql = { name: 'error', message: 'duplicate key value violates unique constraint "a"', code: '23505', constraint: 'a' }
    const here = fingerprint('t', { ...sql, stack: stack('/app', 1) })
    expect(fingerprint('t', { ...sql, stack: 'at elsewhere (/x.ts:1:1)' })).toBe(here)
    expect(fingerprint('t', { ...sql, constraint: 'b' })).not.toBe(here)
  })
})
