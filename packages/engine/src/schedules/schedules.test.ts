import { beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { createNames } from '../jobs/names.ts'
import { statement } from '../postgres/statement.ts'
import type { ScheduleOptions } from './schedule.ts'
import { createScheduler, type SchedulerEvent } from './scheduler.ts'

const db = await testDatabase()
const database = db.open({ poolSize: 16 })
const trunkline = await db.connect()
const { schedules, templates } = trunkline
const report = defineTask('report', { queue: 'reports', run: () => null })
const minute = 60_000
const day = 1440 * minute
// the tests own the clock: it stands in the future, at a full minute, and each scene goes on from where the one before left it
let clock = 0
const events: SchedulerEvent[] = []
const scheduler = createScheduler(database, createNames(database), { now: () => new Date(clock), onEvent: (e) => events.push(e) })

beforeAll(async () => {
  await trunkline.enqueue(report, null)
  const [row] = await db.rows('select now() now')
  clock = Math.ceil(row.now.getTime() / minute) * minute + minute
})

/** Makes a schedule whose slots begin after the test's clock. */
async function make(name: string, more: Partial<ScheduleOptions> = {}) {
  const kind = (more.intervalMs ?? more.runAt ?? more.calendar) ? {} : { cronExpression: '* * * * *' }
  const made = await schedules.create({ name, task: 'report', ...kind, startsAt: new Date(clock + 1000), ...more })
  return made.id
}

async function at(ms: number): Promise<number> {
  clock = ms
  return await scheduler.runOnce()
}

const slots = (id: string) =>
  db.rows(`select slot_at at, state, reason, job_id::text job from trunkline.slot where schedule_id = $1 and not manual order by slot_at`, [
    id,
  ])
const statesOf = async (id: string) => (await slots(id)).map(({ state, reason }) => (reason ? `${state} ${reason}` : state))

/** Ends a job without a worker. */
async function end(job: string, status: 2 | 3): Promise<void> {
  await db.rows(
    `with r as (delete from trunkline.ready where ids @> array[$1::bigint]), j as (select * from trunkline.job where id = $1)
     insert into trunkline.outcome(id, status, attempt, queue_id, task_id, started_at, finished_at, error)
     select id, $2::int, 0, queue_id, task_id, now(), clock_timestamp(), case when $2::int = 3 then '{"message": "no paper"}'::jsonb end from j`,
    [job, status],
  )
}

describe.sequential('schedules', () => {
  test('a slot makes one job, whatever the number of schedulers, with the values of the slot', async () => {
    const ids: string[] = []
    for (let i = 0; i < 20; i++) {
      ids.push(
        await make(`many ${i}`, { overlap: 'allow', payload: { at: '{{slot}}', of: '{{schedule}}', not: '{{constructor}}' }, priority: 7 }),
      )
    }
    const others = Array.from({ length: 8 }, () => createScheduler(database, createNames(database), { now: () => new Date(clock) }))
    const start = clock
    for (let turn = 1; turn <= 3; turn++) {
      clock = start + turn * minute
      const made = await Promise.all(others.map((other) => other.runOnce()))
      expect(made.reduce((a, b) => a + b)).toBe(20)
    }
    // a clock that goes back fires nothing twice
    clock = start + minute
    expect(await others[0]?.runOnce()).toBe(0)
    clock = start + 3 * minute
    expect(await db.rows(`select count(*)::int slots, count(distinct job_id)::int jobs from trunkline.slot`)).toEqual([
      { slots: 60, jobs: 60 },
    ])
    const [last] = await schedules.runs(ids[0] as string)
    expect(last).toMatchObject({ slot: new Date(clock), state: 'pending', isManual: false, reason: null })
    const job = await trunkline.get(last?.jobId as string)
    expect(job).toMatchObject({ scheduleId: ids[0], templateId: null, queue: 'reports', priority: 7, createdBy: 'schedule:many 0' })
    expect(job.payload).toEqual({ at: new Date(clock).toISOString(), of: 'many 0', not: '{{constructor}}' })
    expect(await trunkline.why(job.id)).toMatchObject({
      scheduleId: ids[0],
      sentence: expect.stringContaining('Schedule "many 0" made it for its slot of'),
    })
    for (const id of ids) await schedules.delete(id)
    await expect(schedules.get(ids[0] as string)).rejects.toMatchObject({ code: 'schedule_not_found' })
    expect(await trunkline.get(job.id)).toMatchObject({ id: job.id })
  })

  test('after seven days of downtime a minute schedule makes one job; other policies make what they say', async () => {
    const last = await make('last', { overlap: 'allow' })
    const none = await make('none', { overlap: 'allow', missed: 'skip' })
    const all = await make('all', { missed: { policy: 'all', windowMs: 10 * minute, max: 4 } })
    const hourly = await make('hourly', { intervalMs: 60 * minute, missed: 'last' })
    const bySecond = await make('by second', { cronExpression: '* * * * * *', overlap: 'allow' })
    // not at a slot, so that nothing is on time but the seconds
    await at(clock + 7 * day + 45_000)
    expect(await statesOf(last)).toEqual(['fired'])
    expect(await statesOf(none)).toEqual([])
    expect(await statesOf(all)).toEqual(['fired', 'fired', 'fired', 'fired'])
    expect(await statesOf(hourly)).toEqual(['fired'])
    // half a minute late is not missed: no slot of it is lost
    expect(await slots(bySecond)).toHaveLength(31)
    expect((await schedules.get(last)).missedSlots).toBe(10_000)
    expect((await schedules.get('none')).nextRunAt).toEqual(new Date(clock + 15_000))
    for (const id of [last, none, all, hourly, bySecond]) await schedules.delete(id)
    clock += 15_000
  })

  test('overlap: allow, skip, queue one, cancel the previous', async () => {
    const start = clock
    const make1 = (overlap: 'allow' | 'skip' | 'queue' | 'cancel') => make(overlap, { overlap })
    const [allow, skip, queue, cancel] = [await make1('allow'), await make1('skip'), await make1('queue'), await make1('cancel')]
    for (let turn = 1; turn <= 3; turn++) await at(start + turn * minute)
    // the next look writes down that the last one was cancelled
    await scheduler.runOnce()
    expect(await statesOf(allow)).toEqual(['fired', 'fired', 'fired'])
    expect(await statesOf(skip)).toEqual(['fired', 'skipped overlap', 'skipped overlap'])
    expect(await statesOf(queue)).toEqual(['fired', 'waiting overlap', 'skipped overlap'])
    expect(await statesOf(cancel)).toEqual(['cancelled', 'cancelled', 'fired'])
    for (const id of [skip, queue]) await end((await slots(id))[0].job, 2)
    await at(start + 3 * minute + 1000)
    expect(await statesOf(queue)).toEqual(['completed', 'fired waited', 'skipped overlap'])
    await at(start + 4 * minute)
    expect((await statesOf(skip)).slice(-1)).toEqual(['fired'])
    for (const id of [allow, skip, queue, cancel]) await schedules.delete(id)
  })

  test('pause, pause until, skip next, run now, clone, edit', async () => {
    const start = clock
    const id = await make('steered', { overlap: 'allow' })
    const next = (await schedules.get(id)).nextRunAt
    const run = await schedules.run(id, { by: 'user:ada' })
    expect(await trunkline.get(run.jobId)).toMatchObject({ scheduleId: id })
    expect((await schedules.get(id)).nextRunAt).toEqual(next)
    expect((await schedules.runs(id))[0]).toMatchObject({ isManual: true, by: 'user:ada', jobId: run.jobId })
    expect(await schedules.skipNext(id)).toMatchObject({ skipSlot: next })
    await at(start + minute)
    expect(await statesOf(id)).toEqual(['skipped skip_next'])
    await schedules.pause(id, { until: new Date(start + 4 * minute), reason: 'stocktaking', by: 'user:ada' })
    expect(await schedules.get(id)).toMatchObject({ paused: { reason: 'stocktaking', by: 'user:ada' } })
    await at(start + 3 * minute)
    expect(await statesOf(id)).toHaveLength(1)
    await at(start + 4 * minute)
    // the slot at the end of the pause is on time, those within it are missed
    expect(await statesOf(id)).toEqual(['skipped skip_next', 'fired'])
    expect(await schedules.get(id)).toMatchObject({ paused: null, missedSlots: 2 })
    const copy = await schedules.clone(id)
    expect(copy).toMatchObject({ name: 'steered (copy)', isEnabled: false, nextRunAt: null, overlap: 'allow' })
    const edited = await schedules.edit(copy.id, { calendar: { minutes: [0], hours: [2], monthDays: ['last'] }, timezone: 'Europe/Berlin' })
    expect(edited).toMatchObject({ cronExpression: null, version: 2, words: 'At 02:00 on the last day of the month, Europe/Berlin' })
    await expect(schedules.update(copy.id, { name: 'x', task: 'report', intervalMs: 5000 }, { expected: 1 })).rejects.toMatchObject({
      code: 'schedule_changed',
    })
    await schedules.delete(id)
    await schedules.delete(copy.id)
  })

  test('five failed runs in a row pause a schedule, with the reason and an event', async () => {
    const { cursor } = await trunkline.changes()
    const start = clock
    const id = await make('failing', { failureLimit: 3 })
    for (let turn = 1; turn <= 4; turn++) {
      await at(start + turn * minute)
      // the second one completes: the row begins anew
      await end((await slots(id)).at(-1).job, turn === 1 ? 2 : 3)
    }
    await scheduler.runOnce()
    expect(await schedules.get(id)).toMatchObject({
      failures: 3,
      paused: { by: 'failures', reason: '3 runs in a row failed; the last: no paper' },
    })
    expect(events).toContainEqual({ type: 'schedule_paused', id, name: 'failing', reason: '3 runs in a row failed; the last: no paper' })
    const told = (await trunkline.changes({ after: cursor })).changes.filter((c) => c.kind === 'schedule' && c.body.what === 'paused')
    expect(told.map((c) => c.body)).toMatchObject([{ schedule: id, name: 'failing', failures: 3 }])
    await at(start + 6 * minute)
    expect(await slots(id)).toHaveLength(4)
    expect(await schedules.resume(id)).toMatchObject({ paused: null, failures: 0 })
    await schedules.delete(id)
  })

  test('a backfill counts first, makes each job once, and leaves alone what was made', async () => {
    const id = await make('backfilled', { startsAt: new Date(Date.now() - 3 * day), cronExpression: '0 */6 * * *', missed: 'skip' })
    const range = { from: new Date(Date.now() - 2 * day), to: new Date() }
    expect(await schedules.backfill(id, { ...range, dryRun: true })).toEqual({ slots: 8, existing: 0, jobs: 8, dryRun: true })
    expect(await schedules.backfill(id, range)).toEqual({ slots: 8, existing: 0, jobs: 8, dryRun: false })
    expect(await schedules.backfill(id, range)).toEqual({ slots: 8, existing: 8, jobs: 0, dryRun: false })
    await expect(schedules.backfill(id, { from: range.to, to: range.from })).rejects.toMatchObject({ code: 'invalid_option' })
    await schedules.delete(id)
  })

  test('templates have versions and uses, lie under what a caller says, and stay while schedules need them', async () => {
    const made = await templates.create(
      { name: 'monthly report', task: 'report', payload: { format: 'pdf', of: 'sales' }, options: { priority: 3, tags: ['t'] } },
      'user:ada',
    )
    const job = await trunkline.enqueue('', { of: 'stock' }, { templateId: 'monthly report', priority: 4 })
    expect(await trunkline.get(job.id)).toMatchObject({
      templateId: made.id,
      task: 'report',
      priority: 4,
      tags: ['t'],
      payload: { format: 'pdf', of: 'stock' },
    })
    await expect(trunkline.enqueue('other', null, { templateId: made.id })).rejects.toMatchObject({ code: 'invalid_option', field: 'task' })
    await expect(trunkline.enqueue('', null, { templateId: 'monthly raport' })).rejects.toMatchObject({
      code: 'template_not_found',
      message: expect.stringContaining('monthly report'),
    })
    const second = await templates.update(made.id, { name: 'monthly report', task: 'report', payload: { format: 'csv' } })
    expect(second).toMatchObject({ version: 2, uses: 1, options: {} })
    expect((await templates.versions(made.id)).map(({ version, body }) => [version, body.payload])).toEqual([
      [2, { format: 'csv' }],
      [1, { format: 'pdf', of: 'sales' }],
    ])
    const id = await make('from a template', { task: null, templateId: made.id, payload: { of: '{{date}}' } })
    await at(clock + minute)
    const [{ job: fired }] = await slots(id)
    expect(await trunkline.get(fired)).toMatchObject({
      scheduleId: id,
      templateId: made.id,
      payload: { format: 'csv', of: new Date(clock).toISOString().slice(0, 10) },
    })
    expect(await templates.get(made.id)).toMatchObject({ uses: 2, schedules: 1 })
    await expect(templates.delete(made.id)).rejects.toMatchObject({ code: 'template_in_use' })
    await schedules.delete(id)
    await templates.delete(made.id)
    await expect(templates.get(made.id)).rejects.toMatchObject({ code: 'template_not_found' })
  })

  test('what cannot be is refused at once, with the reason', async () => {
    const base = { name: 'bad', task: 'report', cronExpression: '0 0 31 2 *' }
    await expect(schedules.create(base)).rejects.toMatchObject({ code: 'schedule_never_runs', field: 'cronExpression' })
    await expect(schedules.create({ ...base, cronExpression: '61 * * * *' })).rejects.toMatchObject({ code: 'invalid_schedule' })
    const good = { ...base, cronExpression: '0 0 * * *' }
    await expect(schedules.create({ ...good, task: 'raport' })).rejects.toMatchObject({
      code: 'unknown_task',
      message: expect.stringContaining('report'),
    })
    await expect(schedules.create({ ...good, overlap: 'both' as 'skip' })).rejects.toMatchObject({
      code: 'invalid_option',
      field: 'overlap',
    })
    await expect(schedules.create({ ...good, cron: '* * * * *' } as ScheduleOptions)).rejects.toMatchObject({ code: 'unknown_option' })
    await schedules.create(good)
    await expect(schedules.create(good)).rejects.toMatchObject({ code: 'name_taken' })
    await schedules.delete('bad')
  })

  test('ten thousand schedules: a tick reads what is due by its index, and a month of them is seen within two seconds', async () => {
    await db.rows(
      `insert into trunkline.schedule(name, task_id, rhythm, next_slot, due_at)
       select 'bulk ' || n, (select id from trunkline.task where name = 'report'),
         jsonb_build_object('cronExpression', (n % 60) || ' ' || (n % 24) || ' * * *', 'timezone', (array['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])[1 + n % 4]),
         now() + interval '1 day', now() + interval '1 day' from generate_series(1, 10000) n`,
    )
    await db.rows('analyze trunkline.schedule')
    const due = statement(import.meta.url, 'due.sql').text('trunkline')
    const client = await db.client()
    const { rows } = await client.query(`explain (format json) ${due}`, [new Date(clock), 500])
    const plan = JSON.stringify(rows[0]['QUERY PLAN'])
    expect(plan).toContain('schedule_due_at')
    expect(plan).not.toContain('Seq Scan')
    const tomorrow = Date.now() + day
    const window = { from: new Date(tomorrow), to: new Date(tomorrow + 30 * day), timezone: 'Europe/Berlin', limit: 5000 }
    const times: number[] = []
    // with the matrix often enough for a percentile
    const look = async () => {
      const before = performance.now()
      const seen = await schedules.calendar(window)
      times.push(performance.now() - before)
      return seen
    }
    const month = await look()
    if (process.env.TRUNKLINE_TEST_MATRIX) for (let i = 1; i < 40; i++) await look()
    times.sort((one, other) => one - other)
    const p95 = times[Math.ceil(times.length * 0.95) - 1] as number
    expect(month.firings).toHaveLength(5000)
    expect(month.total).toBeGreaterThan(299_000)
    expect(month.collisions[0]?.firings).toBeGreaterThan(50)
    expect(month.load).toHaveLength(720)
    // two seconds are promised of a machine that does nothing else; here only that nothing is quadratic
    expect(p95).toBeLessThan(20_000)
    process.stdout.write(`calendar of 10,000 schedules over a month, ${times.length} times: p95 ${Math.round(p95)} ms\n`)
  })
})
