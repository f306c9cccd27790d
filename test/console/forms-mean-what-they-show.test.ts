import { describe, expect, test } from 'vitest'
import { bodyOf, draftOf, inOrder, newPlan, newStep, numbered } from '../../packages/console/src/pages/pgagent/draft.ts'
import { instantOf } from '../../packages/console/src/parts/local-input.ts'
import { misfits, narrowed, type Schema } from '../../packages/console/src/parts/schema.ts'

describe('a time that somebody types is the instant that a clock of that zone shows so', () => {
  test.each([
    ['2030-01-15T12:00', 'UTC', '2030-01-15T12:00:00.000Z'],
    ['2030-01-15T12:00', 'Europe/Berlin', '2030-01-15T11:00:00.000Z'],
    ['2030-07-15T12:00:30', 'Europe/Berlin', '2030-07-15T10:00:30.000Z'],
    ['2030-07-15T00:30', 'America/New_York', '2030-07-15T04:30:00.000Z'],
    // the hour before and after the clocks change: 31 March and 27 October 2030 at 01:00 UTC
    ['2030-03-31T01:59', 'Europe/Berlin', '2030-03-31T00:59:00.000Z'],
    ['2030-03-31T03:00', 'Europe/Berlin', '2030-03-31T01:00:00.000Z'],
    ['2030-10-27T01:59', 'Europe/Berlin', '2030-10-26T23:59:00.000Z'],
    ['2030-10-27T03:00', 'Europe/Berlin', '2030-10-27T02:00:00.000Z'],
    // comes twice: the second time
    ['2030-10-27T02:30', 'Europe/Berlin', '2030-10-27T01:30:00.000Z'],
  ])('%s in %s', (text, zone, at) => {
    expect(instantOf(text, zone)).toBe(at)
  })
})

describe('a job of pgAgent', () => {
  const steps = [
    { ...newStep(1), name: 'load' },
    { ...newStep(2), name: '2) check' },
    { ...newStep(3), name: 'archive', kind: 'batch' as const },
  ]

  test('steps run by their names; numbers make them run as they are listed', () => {
    expect(inOrder(steps).map(({ name }) => name)).toEqual(['2) check', 'archive', 'load'])
    const named = numbered(steps)
    expect(named.map(({ name }) => name)).toEqual(['1 load', '2 check', '3 archive'])
    expect(inOrder(named)).toEqual(named)
    const many = numbered(Array.from({ length: 12 }, (_, i) => newStep(i)))
    expect(inOrder(many)).toEqual(many)
  })

  test('what is read and not touched is sent as it was, whatever the zone', () => {
    const job = {
      ...{ id: '7', name: 'nightly', class: 'Miscellaneous', isEnabled: true, hostAgent: '', description: 'of old' },
      ...{ createdAt: '2026-01-01T00:00:00.000Z', timezone: 'Asia/Kolkata', timeoutMs: 90_000, version: 'abc', next: [], warnings: [] },
      steps: [
        {
          ...{ id: '1', name: 'one', description: '', isEnabled: false, kind: 'sql', code: 'select 1', database: 'shop' },
          ...{ connectionString: null, onError: 'ignore', timeoutMs: 1500 },
        },
      ],
      schedules: [
        {
          ...{ id: '3', name: 'daily', description: '', isEnabled: true },
          ...{ startsAt: '2026-01-01T18:30:00.000Z', endsAt: '2031-06-30T12:15:30.000Z' },
          calendar: { minutes: [0], hours: [2], weekdays: [], monthDays: [1, 'last' as const], months: [] },
          exceptions: [
            { date: '2030-12-31', time: null },
            { date: null, time: '02:00' },
          ],
        },
      ],
    }
    const body = bodyOf(draftOf(job, 'UTC'), 'UTC')
    expect(body).toMatchObject({ name: 'nightly', timezone: 'Asia/Kolkata', timeoutMs: 90_000 })
    expect(body.steps).toMatchObject([{ id: '1', isEnabled: false, onError: 'ignore', timeoutMs: 1500, database: 'shop' }])
    expect(body.schedules).toMatchObject([
      {
        ...{ id: '3', startsAt: '2026-01-01T18:30:00.000Z', endsAt: '2031-06-30T12:15:30.000Z' },
        calendar: { minutes: [0], hours: [2], monthDays: [1, 'last'] },
        exceptions: [{ date: '2030-12-31' }, { time: '02:00' }],
      },
    ])
  })

  test('a script has neither a database nor a connection; what belongs to the form stays there', () => {
    const draft = { ...draftOf(null, 'UTC'), steps: [{ ...(steps[2] as (typeof steps)[2]), database: 'left', connectionString: 'over' }] }
    const [step] = bodyOf({ ...draft, schedules: [newPlan(1)] }, 'UTC').steps ?? []
    expect(step).toMatchObject({ kind: 'batch', database: '', timeoutMs: null })
    expect(Object.keys(step ?? {})).not.toEqual(expect.arrayContaining(['connectionString']))
    expect(JSON.stringify(bodyOf(draft, 'UTC'))).not.toContain('"key"')
  })
})

describe('a template narrows the schema of its task', () => {
  const task: Schema = {
    type: 'object',
    properties: {
      to: { type: 'string', title: 'To' },
      kind: { type: 'string', enum: ['welcome', 'invoice', 'reminder'] },
      count: { type: 'integer', minimum: 1 },
    },
    required: ['to'],
    additionalProperties: false,
  }
  const by: Schema = {
    properties: { kind: { enum: ['invoice', 'other'] }, count: { maximum: 5 } },
    required: ['count'],
  }

  test('a value has to fit both; what the template does not speak of stays known', () => {
    const both = narrowed(task, by)
    const of = (value: unknown) => misfits(value, both).map(({ path, problem }) => `${path} ${problem}`)
    expect(of({ to: 'a', kind: 'invoice', count: 3 })).toEqual([])
    expect(of({ to: 'a', kind: 'welcome', count: 9 })).toEqual(['kind is one of invoice', 'count is at most 5'])
    expect(of({ count: 0 })).toEqual(['to is needed', 'count is at least 1'])
    expect(both?.properties?.to?.title).toBe('To')
  })

  test('one that is closed refuses what it does not name', () => {
    const closed = narrowed({ ...task, required: [] }, { ...by, required: [], additionalProperties: false })
    expect(misfits({ to: 'a' }, closed)).toEqual([{ path: 'to', problem: 'is not known' }])
    expect(Object.keys(closed?.properties ?? {})).toEqual(['kind', 'count'])
  })

  test('where one is missing the other counts', () => {
    expect(narrowed(null, by)).toBe(by)
    expect(narrowed(task, null)).toBe(task)
    expect(narrowed(null, null)).toBe(null)
  })
})
