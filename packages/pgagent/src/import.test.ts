import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../test/support/database.ts'
import { fileSystemStorage } from '../../engine/src/index.ts'
import { builtInTasks } from '../../tasks/src/index.ts'
import { createJob, type PgAgentDraft } from './definition.ts'
import { applyImport, planImport, undoImport } from './import.ts'
import { installSchema } from './install.ts'
import { listJobs } from './jobs.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const database = db.open()
const options = { timezone: 'Europe/Berlin', onOwnServer: true }

beforeAll(async () => {
  await installSchema(database)
  const environment = { connectionString: db.url, storage: fileSystemStorage('/nowhere'), shell: { allowed: true, allowRoot: true } }
  const worker = await trunkline.work(builtInTasks(environment), { keeper: false })
  await worker.stop()
})
beforeEach(() => db.rows(`delete from pgagent.pga_job`))

type Step = PgAgentDraft['steps'][number]
type Schedule = PgAgentDraft['schedules'][number]
const sql = (name: string, code: string, more: Partial<Step> = {}): Step => ({
  ...{ name, description: '', isEnabled: true, kind: 'sql', code, database: db.name, onError: 'fail', timeoutMs: null },
  ...more,
})
const at = (more: Partial<Schedule>): Schedule => ({
  ...{
    name: 'a schedule',
    description: '',
    isEnabled: true,
    startsAt: null,
    endsAt: null,
    minutes: [],
    hours: [],
    weekdays: [],
    monthDays: [],
  },
  ...{ months: [], exceptions: [] },
  ...more,
})
async function made(steps: Step[], schedules: Schedule[], more: Partial<PgAgentDraft> = {}): Promise<number> {
  const draft = {
    name: 'nightly',
    description: 'why',
    class: 'Miscellaneous',
    hostAgent: '',
    isEnabled: true,
    timezone: null,
    timeoutMs: null,
  }
  const { id } = await createJob(database, { ...draft, steps, schedules, ...more }, 'UTC')
  return id
}
const planOf = async (id: number, more = {}) => {
  const [plan] = await planImport(trunkline, database, [id], { ...options, ...more })
  if (!plan) throw new Error('no plan')
  return plan
}

describe('a rehearsal', () => {
  test('compares the next fifty runs of both sides, over changes of the clocks, days that months do not have and exceptions', async () => {
    const calendars: Partial<Schedule>[] = [
      { name: 'every night in the hour that is twice or not at all', minutes: [30], hours: [2] },
      { name: 'a quarter', minutes: [0, 15, 30, 45] },
      { name: 'every minute' },
      { name: 'the last of the month, and the 31st', minutes: [0], hours: [3], monthDays: [31, 32] },
      { name: 'working days', minutes: [5], hours: [9, 17], weekdays: [1, 2, 3, 4, 5], exceptions: [{ date: null, time: '17:05:00' }] },
      { name: 'leap days', minutes: [0], hours: [0], monthDays: [29], months: [2] },
      { name: 'until then', minutes: [0], hours: [12], endsAt: new Date(Date.now() + 20 * 86_400_000).toISOString() },
    ]
    const id = await made([sql('a', 'select 1')], calendars.map(at))
    const { schedules, obstacles } = await planOf(id)
    expect(obstacles).toEqual([])
    expect(schedules).toHaveLength(calendars.length)
    for (const { options: planned, runs, differing } of schedules) {
      expect(differing, `${planned.name}: ${JSON.stringify(runs.filter((run) => run.inOriginal !== run.inTrunkline))}`).toBe(0)
      expect(runs.length, planned.name).toBeGreaterThan(10)
      expect(runs.length).toBeLessThanOrEqual(50)
    }
  })

  test('says what will be otherwise, and what cannot be', async () => {
    const id = await made(
      [
        sql('a', 'select 1', { onError: 'succeed' }),
        sql('b', 'echo hello', { kind: 'batch', database: '' }),
        sql('c', '#!/usr/bin/python3\nprint(1)', { kind: 'batch', database: '' }),
        sql('d', 'select 1', { database: '', connectionString: 'host=elsewhere user=x password=canary' }),
        sql('e', 'select 1', { isEnabled: false }),
      ],
      [at({ minutes: [0] })],
      { hostAgent: 'one-host' },
    )
    const plan = await planOf(id)
    expect(plan.obstacles).toEqual([
      expect.stringContaining('step c: it is a script of another interpreter'),
      expect.stringContaining('step d: it has a connection string'),
    ])
    for (const what of ['1 disabled step', 'one-host alone', 'step a: where it fails', 'shell.allowed'])
      expect(
        plan.notes.some((note) => note.includes(what)),
        what,
      ).toBe(true)
    expect(JSON.stringify(plan)).not.toContain('canary')
    expect((await planOf(await made([], []))).obstacles).toEqual(['it has no enabled step', 'it has no schedule'])
    expect((await planOf(await made([sql('a', 'select 1')], [at({})]), { onOwnServer: false })).obstacles).toEqual([
      expect.stringContaining('another server'),
    ])
    expect(await trunkline.schedules.list()).toEqual([])
  })
})

test('a job is cut over, runs natively, and is taken back; twice is fine', async () => {
  await db.rows(`create table public.done(what text)`)
  const id = await made(
    [sql('a first', `insert into public.done values ('first')`), sql('b second', 'echo second', { kind: 'batch', database: '' })],
    [at({ name: 'one', minutes: [0], hours: [3] }), at({ name: 'two', minutes: [30], isEnabled: false })],
  )
  const ids = await applyImport(trunkline, database, await planOf(id), 'test')
  const enabled = async () => (await listJobs(database)).find((job) => job.id === id)?.isEnabled
  expect(await enabled()).toBe(false)
  const views = await Promise.all(ids.map((one) => trunkline.schedules.get(one)))
  expect(views.map((view) => [view.name, view.isEnabled, view.timezone])).toEqual([
    [`nightly (pgAgent ${id}, one)`, true, 'Europe/Berlin'],
    [`nightly (pgAgent ${id}, two)`, false, 'Europe/Berlin'],
  ])
  expect((await planOf(id)).importedAs).toEqual(ids)
  // as if it had been cut off right before its end
  await trunkline.schedules.edit(ids[0] as string, { isEnabled: false })
  expect(await applyImport(trunkline, database, await planOf(id), 'test')).toEqual(ids)
  expect((await trunkline.schedules.get(ids[0] as string)).isEnabled).toBe(true)

  const { jobId } = await trunkline.schedules.run(ids[0] as string)
  const environment = { connectionString: db.url, storage: fileSystemStorage('/nowhere'), shell: { allowed: true, allowRoot: true } }
  const worker = await trunkline.work(builtInTasks(environment), { keeper: false })
  await until(async () => (await trunkline.get(jobId)).state === 'completed')
  await worker.stop()
  expect((await trunkline.steps(jobId)).map(({ name, state }) => [name, state])).toEqual([
    ['a first', 'completed'],
    ['b second', 'completed'],
  ])
  expect(await db.rows(`select what from public.done`)).toEqual([{ what: 'first' }])

  expect(await undoImport(trunkline, database, id, 'test')).toBe(2)
  expect(await enabled()).toBe(true)
  expect(await trunkline.schedules.list()).toEqual([])
  expect(await undoImport(trunkline, database, id, 'test')).toBeNull()
})
