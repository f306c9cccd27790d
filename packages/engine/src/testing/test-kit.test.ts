import { afterAll, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { Snooze } from '../jobs/fate.ts'
import { Trunkline } from '../trunkline.ts'
import { createTestKit } from './index.ts'

const db = await testDatabase()
const trunkline = await db.connect()

const noop = defineTask('kit.noop', { queue: 'kit', run: () => ({ done: true }) })
const shy = defineTask('kit.shy', {
  queue: 'kit',
  retry: { attempts: 3, backoff: { curve: 'fixed', delay: '1h', jitter: 0 } },
  run({ attempt }) {
    if (attempt < 3) throw new Error(`not at attempt ${attempt}`)
    return attempt
  },
})
const snoozed = new Set<string>()
const later = defineTask('kit.later', {
  queue: 'kit',
  run({ job }) {
    if (snoozed.has(job.id)) return
    snoozed.add(job.id)
    throw new Snooze('2d')
  },
})
const parent = defineTask('kit.parent', {
  queue: 'kit',
  async run() {
    await trunkline.enqueueMany(noop, [{}, {}])
  },
})
const endless = defineTask('kit.endless', {
  queue: 'kit',
  run: () => {
    throw new Snooze(0)
  },
})
const hanging = defineTask('kit.hanging', {
  queue: 'kit-hanging',
  run: ({ signal }) => new Promise((r) => signal.addEventListener('abort', r)),
})
const kit = createTestKit(trunkline, [noop, shy, later, parent, endless])
afterAll(() => kit.stop())

describe('drain', () => {
  test('runs what is due and what that makes, and says what ran', async () => {
    const job = await trunkline.enqueue(parent, {})
    const runs = await kit.drain()
    // what it makes may end before it does
    expect(runs.toSorted((a, b) => Number(a.jobId) - Number(b.jobId))).toMatchObject([
      { jobId: job.id, task: 'kit.parent', attempt: 1, how: 'completed' },
      { task: 'kit.noop', how: 'completed' },
      { task: 'kit.noop', how: 'completed' },
    ])
    expect(await kit.drain()).toEqual([])
  })

  test('leaves what waits for its time, and a paused queue', async () => {
    const job = await trunkline.enqueue(noop, {}, { delay: '1d' })
    await trunkline.enqueue(noop, {})
    await trunkline.pause('kit', { for: '1h' })
    expect(await kit.drain()).toEqual([])
    await kit.clock.advance('1h')
    expect(await kit.drain()).toHaveLength(1)
    expect((await job.get()).reason).toBe('scheduled')
    await trunkline.cancel(job.id)
  })

  test('with `scheduled` lets time pass until nothing is left', async () => {
    const failing = await trunkline.enqueue(shy, {})
    await trunkline.enqueue(later, {}, { delay: '30d' })
    const runs = await kit.drain({ scheduled: true })
    expect(runs.map(({ task, attempt, how, error }) => `${task} ${attempt} ${how} ${error ?? ''}`.trim())).toEqual([
      'kit.shy 1 retrying not at attempt 1',
      'kit.shy 2 retrying not at attempt 2',
      'kit.shy 3 completed',
      'kit.later 1 snoozed',
      'kit.later 1 completed',
    ])
    expect(await failing.result()).toBe(3)
  })

  test('tells the last failed try from those before it', async () => {
    await trunkline.enqueue(shy, {}, { maxAttempts: 2 })
    expect(await kit.drain({ scheduled: true })).toMatchObject([
      { attempt: 1, how: 'retrying' },
      { attempt: 2, how: 'failed', error: 'not at attempt 2' },
    ])
  })

  test('ends where `until` says so', async () => {
    await trunkline.enqueueMany(noop, [{}, {}, {}])
    const slow = createTestKit(trunkline, [noop], { worker: { concurrency: 1, middleware: [async (_context, next) => await next()] } })
    expect(await slow.drain({ until: () => true })).toEqual(expect.any(Array))
    await slow.drain({ until: (runs) => runs.length > 1 })
    await kit.drain()
    await slow.stop()
  })

  test('a job that always comes back, and one that never ends, end it with an error that names them', async () => {
    const job = await trunkline.enqueue(endless, {})
    await expect(kit.drain({ limit: 5, scheduled: true })).rejects.toMatchObject({ code: 'not_reached', message: /more that is due/ })
    await trunkline.cancel(job.id)
    const stuck = createTestKit(trunkline, [hanging], { worker: { drainMs: 1, graceMs: 10 } })
    const { id } = await trunkline.enqueue(hanging, {})
    await expect(stuck.drain({ timeoutMs: 100 })).rejects.toThrow(`these are still running: ${id}`)
    await stuck.stop()
  })
})

describe('the clock', () => {
  test('a retry is due after its backoff, not before', async () => {
    const job = await trunkline.enqueue(shy, {})
    expect(await kit.drain()).toMatchObject([{ how: 'retrying' }])
    await kit.clock.advance('59m')
    expect(await kit.drain()).toEqual([])
    await kit.clock.advance('1m')
    expect((await job.get()).reason).toBe('due')
    expect(await kit.drain()).toMatchObject([{ how: 'retrying', attempt: 2 }])
    await trunkline.cancel(job.id)
  })

  test('a window of a key ends, a debounced job fires', async () => {
    const once = { uniqueKey: 'report', uniqueMode: 'throttle', uniqueWindow: '1h' } as const
    expect((await trunkline.enqueue(noop, {}, once)).made).toBe('new')
    expect((await trunkline.enqueue(noop, {}, once)).made).toBe('existing')
    await kit.clock.advance('1h')
    expect((await trunkline.enqueue(noop, {}, once)).made).toBe('new')
    await kit.drain()
    const calm = { uniqueKey: 'index', uniqueMode: 'debounce', uniqueWindow: '5m' } as const
    await trunkline.enqueue(noop, { n: 1 }, calm)
    const job = await trunkline.enqueue(noop, { n: 2 }, calm)
    expect(await kit.drain()).toEqual([])
    await kit.clock.advance('5m')
    expect(await kit.drain()).toMatchObject([{ jobId: job.id }])
    expect((await job.get()).payload).toEqual({ n: 2 })
  })
})

describe('waitForState', () => {
  test('answers the job when somebody brings it there', async () => {
    const job = await trunkline.enqueue(noop, {})
    const [seen] = await Promise.all([kit.waitForState(job, 'completed'), kit.drain()])
    expect(seen).toMatchObject({ id: job.id, state: 'completed', result: { done: true } })
    expect(await kit.waitForState(job.id, 'completed', { timeoutMs: 0 })).toMatchObject({ id: job.id })
  })

  test('says at its timeout why the job is not there', async () => {
    const job = await trunkline.enqueue(noop, {})
    const { sentence } = await trunkline.why(job.id)
    await expect(kit.waitForState(job, 'completed', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'not_reached',
      message: `waited 50 ms for job ${job.id} to be completed, but it is pending: ${sentence}`,
    })
    await kit.drain()
  })
})

test('runTask of a kit has the middleware of its workers', async () => {
  const seen: string[] = []
  const traced = createTestKit(trunkline, [noop], {
    worker: {
      middleware: [
        async (context, next) => {
          seen.push('jobs' in context ? context.task : context.job.task)
          return await next()
        },
      ],
    },
  })
  expect(await traced.runTask(noop, {})).toMatchObject({ how: 'completed', result: { done: true } })
  await trunkline.enqueue(noop, {})
  await traced.drain()
  expect(seen).toEqual(['kit.noop', 'kit.noop'])
  await traced.stop()
})

describe('bad input is refused with a code and the field', () => {
  const cases: [string, string, () => unknown][] = [
    ['invalid_option', 'tasks', () => createTestKit(trunkline, [])],
    ['invalid_option', 'trunkline', () => createTestKit({} as Trunkline, [noop])],
    ['unknown_option', 'workers', () => createTestKit(trunkline, [noop], { workers: {} } as object)],
    ['unknown_option', 'untill', () => kit.drain({ untill: () => true } as object)],
    ['invalid_option', 'until', () => kit.drain({ until: true } as object)],
    ['invalid_option', 'limit', () => kit.drain({ limit: 0 })],
    ['invalid_option', 'state', () => kit.waitForState('1', 'done' as 'failed')],
    ['invalid_option', 'timeoutMs', () => kit.waitForState('1', 'failed', { timeoutMs: -1 })],
    ['invalid_job_id', 'jobId', () => kit.waitForState('one', 'failed')],
    ['job_not_found', 'jobId', () => kit.waitForState('999999', 'failed')],
    ['invalid_duration', 'by', () => kit.clock.advance('an hour')],
  ]
  test.each(cases)('%s %s', async (code, field, call) => {
    await expect((async () => await call())()).rejects.toMatchObject({ code, field })
  })
})

test('a queue in another schema has a kit and a time of its own', async () => {
  const other = await db.connect({ schema: 'other_kit', migrate: true })
  const theirs = createTestKit(other, [noop])
  const [here, there] = [await trunkline.enqueue(noop, {}, { delay: '1h' }), await other.enqueue(noop, {}, { delay: '1h' })]
  await theirs.clock.advance('1h')
  expect([(await here.get()).reason, (await there.get()).reason]).toEqual(['scheduled', 'due'])
  expect(await theirs.drain()).toMatchObject([{ jobId: there.id, how: 'completed' }])
})

test('closing the Trunkline closes the kit, and nothing of it stays connected', async () => {
  const own = await Trunkline.connect({ connectionString: db.url, applicationName: 'kit-to-close' })
  const closing = createTestKit(own, [noop])
  await closing.drain()
  await own.close()
  const left = () => db.rows(`select application_name from pg_stat_activity where application_name like 'kit-to-close%'`)
  await until(async () => (await left()).length === 0, 'its connections to end', 5000)
})
