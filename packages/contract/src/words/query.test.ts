import { describe, expect, test } from 'vitest'
import { isTrunklineError } from './errors.ts'
import { formatQuery, parseQuery, type Query } from './query.ts'

const term = (field: string | null, ...values: unknown[]) => ({ op: 'term', field, values })
const is = (value: string) => ({ match: 'is', value })

test.each<[string, unknown]>([
  ['', { op: 'and', parts: [] }],
  ['   ', { op: 'and', parts: [] }],
  ['state:failed,retrying', term('state', is('failed'), is('retrying'))],
  ['task:backup_*', term('task', { match: 'prefix', value: 'backup_' })],
  ['task:image:resize', term('task', is('image:resize'))],
  ['error:"dead \\"lock\\" \\\\"', term('error', is('dead "lock" \\'))],
  ['age:<24h', term('age', { match: '<', value: 86_400_000 })],
  ['duration:5m..1h', term('duration', { match: 'range', from: 300_000, to: 3_600_000 })],
  ['priority:-5..3', term('priority', { match: 'range', from: -5, to: 3 })],
  ['attempt:>=3', term('attempt', { match: '>=', value: 3 })],
  ['attempt:2', term('attempt', is('2'))],
  ['id:7', term('id', is('7'))],
  ['created:2030-01-31', term('created', { match: 'range', from: Date.UTC(2030, 0, 31), to: Date.UTC(2030, 1, 1) })],
  ['created:>2030-01-31', term('created', { match: '>=', value: Date.UTC(2030, 1, 1) })],
  ['created:<=2030-01-31T09:00:00+01:00', term('created', { match: '<=', value: Date.UTC(2030, 0, 31, 8) })],
  ['args.customer.id:42', { ...term('args', is('42')), path: ['customer', 'id'] }],
  ['args.x:""', { ...term('args', is('')), path: ['x'] }],
  ['"state:failed"', term(null, is('state:failed'))],
  ['-a', { op: 'not', part: term(null, is('a')) }],
  ['NOT a', { op: 'not', part: term(null, is('a')) }],
  ['a b OR c', { op: 'or', parts: [{ op: 'and', parts: [term(null, is('a')), term(null, is('b'))] }, term(null, is('c'))] }],
  ['a AND (b OR c)', { op: 'and', parts: [term(null, is('a')), { op: 'or', parts: [term(null, is('b')), term(null, is('c'))] }] }],
  ['ORacle', term(null, is('ORacle'))],
])('%s', (text, wanted) => {
  expect(parseQuery(text)).toEqual(wanted)
})

test.each<[string, number, RegExp]>([
  ['state:faild', 6, /no state "faild", did you mean "failed"/],
  ['a stat:failed', 2, /no field "stat", did you mean "state"/],
  ['state:', 6, /ends where it needs a value/],
  ['task:a,', 7, /ends where it needs a value/],
  ['(a OR b', 0, /not closed/],
  ['a)', 1, /no open parenthesis/],
  ['a OR', 4, /needs a condition/],
  ['OR a', 0, /needs a condition/],
  ['AND a', 0, /before it/],
  ['a AND', 5, /behind it/],
  ['()', 1, /needs a condition/],
  ['error:"x', 6, /quote is not closed/],
  ['error:"x"y', 9, /space belongs/],
  ['task:a*b', 6, /may only end/],
  ['back*', 4, /task:back\*/],
  ['age:24h', 4, /needs a sign/],
  ['age:<1x', 5, /no duration/],
  ['duration:>1h..', 10, /no duration/],
  ['duration:1h..5m', 9, /ends before it begins/],
  ['created:2030-02-31', 8, /no time/],
  ['attempt:>three', 9, /no whole number/],
  ['id:0', 3, /no job id/],
  ['fingerprint:xyz', 12, /16 hexadecimal/],
  ['args.a..b:1', 7, /payload path/],
  ['-', 1, /ends where it needs/],
  ['a\0b', 1, /NUL/],
  ['ab\ud800', 2, /surrogate/],
  ['__proto__:1', 0, /no field/],
  ['constructor:1', 0, /no field/],
  ['a '.repeat(101), 200, /more than 100 conditions/],
  ['('.repeat(21), 20, /deeper than 20/],
  ['-'.repeat(30), 20, /deeper than 20/],
  ['é'.repeat(5000), 0, /8192 bytes/],
])('bad query %# is refused where it is bad: %j', (text, at, sentence) => {
  expect(() => parseQuery(text)).toThrow(
    expect.objectContaining({ code: 'invalid_query', field: 'q', at, message: expect.stringMatching(sentence) }),
  )
})

/** A generator of numbers in 0…1 that begins at a seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const bits = [
  'state:',
  'failed',
  'task:',
  'a*',
  '"',
  '\\',
  '(',
  ')',
  ' ',
  ' OR ',
  '-',
  'NOT ',
  'AND ',
  ',',
  ':',
  '<',
  '>=',
  '..',
  '5m',
  '1',
  'created:',
  '2030-01-01',
  'args.a.b:',
  'tag:"x y"',
  'é',
  '\ud800',
  '*',
  'priority:',
  '-3',
  'id:7',
  'age:<1h',
  '\n',
  'OR',
]

describe('any text', () => {
  test('is a query that is written and read again as the same, or invalid_query at a column of it', () => {
    const next = random(7)
    let read = 0
    for (let turn = 0; turn < 20_000; turn++) {
      const text = Array.from({ length: Math.floor(next() * 12) }, () => bits[Math.floor(next() * bits.length)]).join('')
      let query: Query
      try {
        query = parseQuery(text)
      } catch (error) {
        if (!isTrunklineError(error, 'invalid_query')) throw new Error(`${JSON.stringify(text)}: ${error}`)
        if (error.at === undefined || error.at < 0 || error.at > text.length)
          throw new Error(`${JSON.stringify(text)} is refused at ${error.at}`)
        continue
      }
      read++
      expect(parseQuery(formatQuery(query)), `${JSON.stringify(text)} as ${formatQuery(query)}`).toEqual(query)
    }
    expect(read).toBeGreaterThan(1000)
  })

  test('takes no longer than it is long', () => {
    const begun = performance.now()
    for (const text of [
      '('.repeat(8000),
      '-'.repeat(8000),
      `"${'\\'.repeat(8000)}`,
      'a'.repeat(8000),
      '"'.repeat(8000),
      `id:${'1,'.repeat(4000)}`,
    ]) {
      expect(() => parseQuery(`${text}\0`)).toThrow()
      try {
        parseQuery(text)
      } catch {}
    }
    // a hundred times of what it takes; one that looks again and again takes minutes
    expect(performance.now() - begun).toBeLessThan(2000)
  })
})
