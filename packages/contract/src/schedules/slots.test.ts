import { describe, expect, test } from 'vitest'
import { describeRhythm, fillPayload, jitterOf, parseCron, type Rhythm, slotsOf, slotValues, zoneOf } from '../index.ts'
import { checkRhythm } from './slots.ts'
import { slotsByMinute } from './slots-by-minute-fixture.ts'

// the golden table: every zone × every policy × ten years, around each change of the clocks and at some other days, compared with a
// second implementation that looks at every minute. TRUNKLINE_TEST_SLOT_DAYS=365 looks at whole years.

const zones = [
  'UTC',
  'Europe/Berlin',
  'Europe/London',
  'Europe/Lisbon',
  'Europe/Dublin',
  'Atlantic/Azores',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Santiago',
  'America/Asuncion',
  'America/Havana',
  'America/Caracas',
  'Africa/Casablanca',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Gaza',
  'Asia/Tehran',
  'Asia/Kolkata',
  'Asia/Pyongyang',
  'Australia/Lord_Howe',
  'Australia/Adelaide',
  'Pacific/Apia',
  'Pacific/Auckland',
  'Pacific/Chatham',
  'Antarctica/Troll',
]
const rhythms: Rhythm[] = [
  { cronExpression: '30 2 * * *' },
  { cronExpression: '*/20 0-3 * * *' },
  { cronExpression: '15,45 */2 * * *' },
  { cronExpression: '7 * * * *' },
  { cronExpression: '0 0 L * 6' },
  { calendar: { minutes: [5], hours: [0, 1, 2, 23], monthDays: [1, 'last', 30, 31] } },
  {
    calendar: { minutes: [10, 50], weekdays: [0, 6] },
    exceptions: [{ time: '02:10' }, { date: '2011-04-03' }, { date: '2018-11-04', time: '01:50' }],
  },
]
const policies = (['skip', 'first', 'shift'] as const).flatMap((gap) =>
  (['first', 'second', 'both'] as const).map((fold) => ({ gap, fold })),
)
const day = 86_400_000
const wholeDays = Number(process.env.TRUNKLINE_TEST_SLOT_DAYS ?? 2)
const isWhole = wholeDays > 2

/** Spans around the changes of ten years, and a few days that have none. */
function spansOf(name: string): [number, number][] {
  const changes = zoneOf(name).transitions(Date.UTC(2010, 0, 1), Date.UTC(2020, 0, 1))
  const around = changes.map(({ at }) => Math.floor(at / day) * day)
  const others = [2012, 2016, 2019].map((year, i) => Date.UTC(year, 1 + i * 4, 27))
  return [...around, ...others].map((middle) => [middle - (wholeDays / 2) * day, middle + (wholeDays / 2 + 1) * day])
}

describe('golden table of slots', () => {
  test.each(zones)('%s: next, previous and a look at every minute agree for every policy', (timezone) => {
    const spans = spansOf(timezone)
    // in turn, so that each rhythm meets each policy somewhere, and each policy each change
    let turn = zones.indexOf(timezone)
    for (const [from, to] of spans) {
      const met = isWhole ? policies : [0, 4, 8].map((i) => policies[(turn + i) % 9] as (typeof policies)[number])
      for (const dst of met) {
        for (const plain of isWhole ? rhythms : [rhythms[turn++ % 2], rhythms[2 + (turn % (rhythms.length - 2))]]) {
          const rhythm: Rhythm = { ...plain, timezone, dst }
          const slots = slotsOf(rhythm)
          const expected = slotsByMinute(rhythm, from, to)
          expect(slots.between(from, to, 10_000), JSON.stringify(rhythm)).toEqual(expected)
          const backwards: number[] = []
          for (let slot = slots.previous(to); slot !== null && slot >= from; slot = slots.previous(slot)) backwards.unshift(slot)
          expect(backwards, `previous of ${JSON.stringify(rhythm)}`).toEqual(expected)
        }
      }
    }
  })
})

const at = (text: string) => Date.parse(text)
const texts = (slots: number[]) => slots.map((slot) => new Date(slot).toISOString().slice(0, 16))
const first = (rhythm: Rhythm, after: string, most = 3) => texts(slotsOf(rhythm).between(at(after), at('9000-01-01T00:00Z'), most))

test('the famous days are as the documentation says', () => {
  const lordHowe = { cronExpression: '15 2 * * *', timezone: 'Australia/Lord_Howe' }
  // half an hour is missing from 02:00 on 2026-10-04: 02:15 runs at 02:30 local
  expect(first(lordHowe, '2026-10-03T15:00Z', 2)).toEqual(['2026-10-03T15:30', '2026-10-04T15:15'])
  expect(first({ ...lordHowe, dst: { gap: 'shift' } }, '2026-10-03T15:00Z', 1)).toEqual(['2026-10-03T15:45'])
  expect(first({ ...lordHowe, dst: { gap: 'skip' } }, '2026-10-03T15:00Z', 1)).toEqual(['2026-10-04T15:15'])
  // Apia had no 30 December 2011
  const apia = { cronExpression: '0 9 * * *', timezone: 'Pacific/Apia' }
  expect(first(apia, '2011-12-29T12:00Z', 3)).toEqual(['2011-12-29T19:00', '2011-12-30T10:00', '2011-12-30T19:00'])
  expect(first({ ...apia, dst: { gap: 'shift' } }, '2011-12-29T12:00Z', 2)).toEqual(['2011-12-29T19:00', '2011-12-30T19:00'])
  // São Paulo had no midnight on 2018-11-04
  expect(first({ cronExpression: '0 0 * * *', timezone: 'America/Sao_Paulo' }, '2018-11-04T00:00Z', 2)).toEqual([
    '2018-11-04T03:00',
    '2018-11-05T02:00',
  ])
  // Casablanca goes back for Ramadan
  const fold = { cronExpression: '30 2 * * *', timezone: 'Africa/Casablanca' }
  expect(first(fold, '2019-05-05T00:00Z', 2)).toEqual(['2019-05-05T01:30', '2019-05-06T02:30'])
  expect(first({ ...fold, dst: { fold: 'both' } }, '2019-05-05T00:00Z', 2)).toEqual(['2019-05-05T01:30', '2019-05-05T02:30'])
  const newYork = slotsOf({ cronExpression: '30 2 * * *', timezone: 'America/New_York' })
  expect(newYork.markOf(at('2026-03-08T07:00Z'))).toBe('gap')
  expect(newYork.markOf(at('2026-03-09T06:30Z'))).toBe(null)
  expect(newYork.clockChanges(at('2026-01-01T00:00Z'), at('2027-01-01T00:00Z'))).toMatchObject([
    { kind: 'gap', isTouched: true },
    { kind: 'fold', isTouched: false },
  ])
})

test('cron days: L, W, # and 7, and one of two restricted days is enough', () => {
  const days = (cronExpression: string, after: string, most: number) =>
    first({ cronExpression }, after, most).map((text) => text.slice(0, 10))
  expect(days('0 0 L * *', '2027-02-01T00:00Z', 2)).toEqual(['2027-02-28', '2027-03-31'])
  expect(days('0 0 L-3 * *', '2028-02-01T00:00Z', 1)).toEqual(['2028-02-26'])
  expect(days('0 0 15W * *', '2026-08-01T00:00Z', 3)).toEqual(['2026-08-14', '2026-09-15', '2026-10-15'])
  expect(days('0 0 1W * *', '2026-08-01T00:00Z', 1)).toEqual(['2026-08-03'])
  expect(days('0 0 LW * *', '2026-05-01T00:00Z', 1)).toEqual(['2026-05-29'])
  expect(days('0 0 * * 5#3', '2026-01-01T00:00Z', 2)).toEqual(['2026-01-16', '2026-02-20'])
  expect(days('0 0 * * FRIL', '2026-01-01T00:00Z', 1)).toEqual(['2026-01-30'])
  expect(days('0 0 * * 7', '2026-01-01T00:00Z', 1)).toEqual(['2026-01-04'])
  expect(days('0 0 13 * FRI', '2026-02-07T00:00Z', 3)).toEqual(['2026-02-13', '2026-02-20', '2026-02-27'])
  expect(days('0 0 29 2 *', '2026-01-01T00:00Z', 2)).toEqual(['2028-02-29', '2032-02-29'])
  // a Monday the 29th of February, and nothing looked at between
  const rare = { calendar: { minutes: [0], hours: [0], monthDays: [29], months: [2], weekdays: [1] }, timezone: 'America/New_York' }
  expect(first(rare, '2029-01-01T00:00Z', 1)).toEqual(['2044-02-29T05:00'])
  expect(first({ cronExpression: '*/20 59 23 31 DEC ?' }, '2026-01-01T00:00Z', 2)).toEqual(['2026-12-31T23:59', '2026-12-31T23:59'])
  expect(first({ cronExpression: '@monthly' }, '2026-01-02T00:00Z', 1)).toEqual(['2026-02-01T00:00'])
})

test('intervals, one-off times, start and end, exceptions', () => {
  const every = { intervalMs: 90_000, startsAt: '2026-03-29T00:00:30Z' }
  expect(first(every, '2026-01-01T00:00Z', 2)).toEqual(['2026-03-29T00:00', '2026-03-29T00:02'])
  expect(slotsOf(every).previous(at('2026-03-29T00:00:30Z'))).toBe(null)
  expect(first({ intervalMs: 3_600_000, timezone: 'Europe/Berlin', exceptions: [{ date: '2026-03-29' }] }, '2026-03-28T22:00Z', 2)).toEqual(
    ['2026-03-28T22:00', '2026-03-29T22:00'],
  )
  expect(first({ intervalMs: 1000, exceptions: [{ time: '12:30' }, { time: '12:31' }] }, '2026-03-28T12:29:59Z', 2)).toEqual([
    '2026-03-28T12:29',
    '2026-03-28T12:32',
  ])
  const bounded = slotsOf({ cronExpression: '0 * * * *', startsAt: '2026-01-01T02:00:00Z', endsAt: '2026-01-01T04:00:00Z' })
  expect(texts(bounded.between(0, at('2027-01-01T00:00Z'), 10))).toEqual(['2026-01-01T02:00', '2026-01-01T03:00', '2026-01-01T04:00'])
  expect(bounded.previous(at('2030-01-01T00:00Z'))).toBe(at('2026-01-01T04:00Z'))
  expect(bounded.previous(at('2026-01-01T02:00Z'))).toBe(null)
  expect(slotsOf({ runAt: '2030-01-01T00:00:00Z' }).next(at('2030-01-01T00:00Z'))).toBe(null)
})

const now = at('2026-06-01T00:00Z')
test.each<[string, Rhythm, string, RegExp]>([
  ['31 February', { cronExpression: '0 0 31 2 *' }, 'schedule_never_runs', /cronExpression: no date/],
  ['30 February of a calendar', { calendar: { monthDays: [30], months: [2] } }, 'schedule_never_runs', /calendar/],
  [
    'the fifth Monday on a first',
    { calendar: { monthDays: [1], months: [2], weekdays: [1] }, endsAt: '2026-12-31T00:00:00Z' },
    'schedule_never_runs',
    /endsAt/,
  ],
  ['only left out times', { cronExpression: '30 12 * * *', exceptions: [{ time: '12:30' }] }, 'schedule_never_runs', /exceptions/],
  ['an interval of only left out times', { intervalMs: 86_400_000, exceptions: [{ time: '00:00' }] }, 'schedule_never_runs', /exceptions/],
  ['a past time', { runAt: '2020-01-01T00:00:00Z' }, 'schedule_never_runs', /runAt/],
  ['nothing', {}, 'invalid_schedule', /exactly one/],
  ['two', { cronExpression: '* * * * *', intervalMs: 1000 }, 'invalid_schedule', /exactly one/],
  ['too short an interval', { intervalMs: 10 }, 'invalid_schedule', /intervalMs/],
  ['four fields', { cronExpression: '* * * *' }, 'invalid_schedule', /4 fields/],
  ['a minute 60', { cronExpression: '60 * * * *' }, 'invalid_schedule', /minute is "60"/],
  ['a step of none', { cronExpression: '*/0 * * * *' }, 'invalid_schedule', /step/],
  ['a range backwards', { cronExpression: '5-1 * * * *' }, 'invalid_schedule', /backwards/],
  ['an unknown macro', { cronExpression: '@constructor' }, 'invalid_schedule', /@daily/],
  ['a sixth Friday', { cronExpression: '0 0 * * 5#6' }, 'invalid_schedule', /1 to 5/],
  ['a zone of Mars', { cronExpression: '* * * * *', timezone: 'Mars/Olympus' }, 'invalid_option', /IANA/],
  ['a zone that is no text', { cronExpression: '* * * * *', timezone: '__proto__' }, 'invalid_option', /IANA/],
  [
    'an end before its start',
    { intervalMs: 1000, startsAt: '2027-01-01T00:00:00Z', endsAt: '2026-01-01T00:00:00Z' },
    'invalid_schedule',
    /endsAt/,
  ],
  ['an hour of a calendar', { calendar: { hours: [24] } }, 'invalid_schedule', /calendar.hours/],
  ['a gap policy', { cronExpression: '* * * * *', dst: { gap: 'maybe' as 'skip' } }, 'invalid_schedule', /dst.gap/],
  ['an exception of no date', { cronExpression: '* * * * *', exceptions: [{ date: '2026-02-30' }] }, 'invalid_schedule', /2026-02-30/],
])('%s is refused with its reason', (_, rhythm, code, message) => {
  expect(() => checkRhythm(rhythm, now)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
})

test('hostile expressions cost nothing', () => {
  const before = performance.now()
  const hostile = [
    `${'*,'.repeat(50_000)}* * * * *`,
    `${'1-59/1,'.repeat(28)}1 * * * *`,
    `* * ${'L-1,'.repeat(40)}L * 1`,
    `${'9'.repeat(190)} * * * *`,
    '* * * * * * * * * *',
    `${'('.repeat(100)} * * * *`,
  ]
  for (const cronExpression of hostile) {
    try {
      slotsOf({ cronExpression }).next(now)
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_schedule' })
    }
  }
  for (let i = 0; i < 200; i++) expect(() => checkRhythm({ cronExpression: '0 0 31 2 *', timezone: 'America/New_York' }, now)).toThrow()
  // far above what they need (some ms each at most), far below what an explosion would take
  expect(performance.now() - before).toBeLessThan(5000)
})

test.each<[Rhythm, string]>([
  [{ cronExpression: '0 2 * * 1-5', timezone: 'America/New_York' }, 'At 02:00 on weekdays, America/New_York'],
  [{ cronExpression: '*/15 * * * *' }, 'Every 15 minutes, UTC'],
  [{ cronExpression: '*/15 9-17 * * MON,WED' }, 'Every 15 minutes in the hours 09 to 17 on Monday and Wednesday, UTC'],
  [{ cronExpression: '0 */2 * * *' }, 'Every 2 hours, UTC'],
  [{ cronExpression: '5 * * * *' }, 'Every hour at :05, UTC'],
  [{ cronExpression: '*/10 * * * * *' }, 'Every 10 seconds, UTC'],
  [{ cronExpression: '30 2 L * *' }, 'At 02:30 on the last day of the month, UTC'],
  [{ cronExpression: '30 2 1,15 JAN-MAR *' }, 'At 02:30 on day 1 and 15 of the month in January to March, UTC'],
  [{ cronExpression: '0 9 * * 5#3' }, 'At 09:00 on the third Friday of the month, UTC'],
  [{ cronExpression: '@daily' }, 'At 00:00 every day, UTC'],
  [
    { calendar: { minutes: [0], hours: [6, 18], monthDays: [13], weekdays: [5] } },
    'At 06:00 and 18:00 on day 13 of the month if that is Friday, UTC',
  ],
  [{ intervalMs: 5_400_000 }, 'Every 90 minutes'],
  [{ intervalMs: 86_400_000, exceptions: [{ date: '2030-12-24' }] }, 'Every day, with 1 exception'],
  [{ runAt: '2030-01-01T00:00:00Z' }, 'Once at 2030-01-01T00:00:00Z'],
])('%j in words', (rhythm, words) => {
  expect(describeRhythm(rhythm)).toBe(words)
})

test('jitter is the same for a slot whenever it is asked, and spread over its range', () => {
  const found = Array.from({ length: 1000 }, (_, i) => jitterOf('a', i * 60_000, 999))
  expect(found).toEqual(Array.from({ length: 1000 }, (_, i) => jitterOf('a', i * 60_000, 999)))
  expect(Math.min(...found)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...found)).toBeLessThanOrEqual(999)
  // each tenth of the range gets its share, give or take
  for (let tenth = 0; tenth < 10; tenth++) expect(found.filter((ms) => Math.floor(ms / 100) === tenth).length).toBeGreaterThan(60)
  expect(jitterOf('a', 0, 0)).toBe(0)
})

test('values of a slot are looked up among own properties, never evaluated', () => {
  const slot = at('2026-07-01T22:30:00Z')
  const values = slotValues(slot, 7_200_000, { timezone: 'Europe/Berlin', name: 'nightly', id: 'x' })
  const payload = JSON.parse(
    '{"a": ["{{slot}}", "{{ date }} {{time}}"], "b": "{{constructor}} {{__proto__}} {{1+1}}", "__proto__": {"c": "{{schedule}}"}, "n": 1}',
  )
  expect(JSON.stringify(fillPayload(payload, values))).toBe(
    '{"a":["2026-07-01T22:30:00.000Z","2026-07-02 00:30:00"],"b":"{{constructor}} {{__proto__}} {{1+1}}","__proto__":{"c":"nightly"},"n":1}',
  )
})

test('which hours count as chosen', () => {
  const chosen = (expression: string) => parseCron(expression).hasChosenHour
  expect(['* * * * *', '0 */2 * * *', '0 0-23 * * *', '0 ? * * *'].map(chosen)).toEqual([false, false, false, false])
  expect(['0 2 * * *', '0 9-17 * * *', '@daily', '0 0,12 * * *'].map(chosen)).toEqual([true, true, true, true])
})
