import { beforeEach, describe, expect, inject, test } from 'vitest'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { createKeeper } from '../keeper/keeper.ts'
import { defineTask } from './define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const keeper = createKeeper(db.open())
const echo = defineTask('echo', { run: ({ input }) => input, searchable: ['customer.id'] })
const fails = defineTask('fails', { retry: { attempts: 1 }, run: () => Promise.reject(new Error('no luck')) })
const many = inject('thorough') ? 100_000 : 5000
let queue = ''
let round = 0
beforeEach(() => {
  queue = `control${++round}`
})
const make = (payload: unknown = 1, options: object = {}) => trunkline.enqueue(echo, payload, { queue, ...options })
const line = async () => (await trunkline.list({ queue, state: 'pending' })).map((j) => j.id)

/** One job in each place, by the name of its state. */
async function oneOfEach(): Promise<Record<'due' | 'scheduled' | 'running' | 'completed' | 'failed' | 'cancelled', string>> {
  const go = signal()
  const holds = defineTask('holds', { run: () => go.promise })
  const ended = { completed: await make(), failed: await trunkline.enqueue(fails, 1, { queue }), cancelled: await make() }
  await trunkline.cancel(ended.cancelled.id)
  const running = await trunkline.enqueue(holds, 1, { queue })
  const worker = await trunkline.work([echo, fails, holds], { queues: [queue], keeper: false, pollMs: 10, concurrency: 1 })
  await until(async () => (await running.get()).state === 'running' && (await ended.failed.get()).state === 'failed')
  await trunkline.pause(queue)
  const due = await make()
  const scheduled = await make(1, { delay: '1h' })
  finish = async () => {
    go.resolve()
    await worker.stop()
  }
  return {
    due: due.id,
    scheduled: scheduled.id,
    running: running.id,
    completed: ended.completed.id,
    failed: ended.failed.id,
    cancelled: ended.cancelled.id,
  }
}
let finish = async () => {}

describe('every verb is refused on a job in the wrong state, with the reason', () => {
  const refused: Record<string, Record<string, string>> = {
    retry: { due: 'pending', scheduled: 'pending', running: 'running', completed: 'completed' },
    rerun: { due: 'pending', scheduled: 'pending', running: 'running' },
    promote: { due: 'due', running: 'running', completed: 'completed', failed: 'failed', cancelled: 'cancelled' },
    update: { running: 'running', completed: 'completed', failed: 'failed', cancelled: 'cancelled' },
    delete: { running: 'running' },
  }
  test.each(Object.keys(refused))('%s', async (verb) => {
    const jobs = await oneOfEach()
    const call = (id: string) => (verb === 'update' ? trunkline.update(id, { priority: 5 }) : trunkline[verb as 'promote'](id))
    for (const [place, state] of Object.entries(refused[verb] ?? {})) {
      const before = await trunkline.get(jobs[place as 'due'])
      const error = await call(jobs[place as 'due']).then(
        () => null,
        (e) => e,
      )
      expect(error, `${verb} of a ${place} job`).toMatchObject({ code: 'wrong_state', status: 409, hint: expect.stringMatching(/.{10}/) })
      expect(error.message).toContain(`is ${state}`)
      expect(error.hint).not.toMatch(/[{}]/)
      const { durationMs: _, ...after } = await trunkline.get(jobs[place as 'due'])
      expect(after).toEqual(Object.fromEntries(Object.entries(before).filter(([k]) => k !== 'durationMs')))
    }
    const able = Object.keys(jobs).filter((place) => !(place in (refused[verb] ?? {})))
    for (const place of able) await call(jobs[place as 'due'])
    await expect(call('999999999')).rejects.toMatchObject({ code: 'job_not_found' })
    await expect(call('7 or 1=1')).rejects.toMatchObject({ code: 'invalid_job_id' })
    await finish()
  })
})

describe('rerun', () => {
  test('a new job that is linked, with the same or another payload and options', async () => {
    const old = await make({ a: 1 }, { tags: ['t'], priority: 4, maxAttempts: 2, uniqueKey: 'k' })
    await trunkline.cancel(old.id)
    const same = await trunkline.rerun(old.id)
    expect(await same.get()).toMatchObject({
      rerunOf: old.id,
      payload: { a: 1 },
      tags: ['t'],
      priority: 4,
      maxAttempts: 2,
      key: null,
      queue,
      state: 'pending',
    })
    const other = await trunkline.rerun(old.id, { payload: { a: 2 }, priority: -1, delay: '1h', tags: [], createdBy: 'ada' })
    expect(await other.get()).toMatchObject({
      rerunOf: old.id,
      payload: { a: 2 },
      priority: -1,
      reason: 'scheduled',
      tags: ['t'].slice(1),
      createdBy: 'ada',
    })
    await expect(trunkline.rerun(old.id, { payload: 1n })).rejects.toMatchObject({ code: 'payload_not_json', field: 'payload' })
    await expect(trunkline.rerun(old.id, { paylod: 1 } as never)).rejects.toMatchObject({ code: 'unknown_option' })
  })
})

describe('update', () => {
  test('priority moves a job to its natural place there, queue to another queue, time to later and back', async () => {
    const [a, b, c] = [(await make(1)).id, (await make(2)).id, (await make(3)).id]
    const high = (await make(4, { priority: 10 })).id
    await trunkline.update(b, { priority: 10 })
    expect(await line()).toEqual([b, high, a, c])
    await trunkline.update(b, { priority: 0 })
    expect(await line()).toEqual([high, a, b, c])
    await trunkline.update(a, { runAt: new Date(Date.now() + 3_600_000), tags: ['later'] })
    expect(await trunkline.get(a)).toMatchObject({ reason: 'scheduled', tags: ['later'] })
    await trunkline.update(a, { runAt: '2001-01-01T00:00:00Z' })
    expect(await trunkline.get(a)).toMatchObject({ reason: 'due' })
    await trunkline.update(c, { queue: `${queue}b` })
    expect(await trunkline.get(c)).toMatchObject({ queue: `${queue}b`, state: 'pending' })
    expect(await line()).not.toContain(c)
  })

  test('tags of any job; nothing at all is refused', async () => {
    const job = await make()
    await trunkline.cancel(job.id)
    await trunkline.update(job.id, { tags: ['x', 'y', 'x'] })
    expect((await job.get()).tags).toEqual(['x', 'y'])
    for (const [changes, field] of [
      [{}, 'changes'],
      [{ priority: 101 }, 'priority'],
      [{ queue: 'no spaces' }, 'queue'],
      [{ runAt: 'tomorrow' }, 'runAt'],
      [{ tags: [1] }, 'tags'],
      [{ prority: 1 }, 'prority'],
    ] as const) {
      await expect(trunkline.update(job.id, changes as never), JSON.stringify(changes)).rejects.toMatchObject({
        name: 'TrunklineError',
        field,
      })
    }
  })
})

test('promote: what waits for its time runs now', async () => {
  const later = await make('now', { delay: '1h' })
  await trunkline.promote(later.id)
  const worker = await trunkline.work([echo], { queues: [queue], keeper: false })
  expect(await later.result()).toBe('now')
  await worker.stop()
})

test('delete: nobody finds the job any more, and a waiting one never runs', async () => {
  const job = await make()
  await trunkline.delete(job.id, { by: 'ada' })
  for (const look of [
    () => job.get(),
    () => trunkline.why(job.id),
    () => trunkline.retry(job.id),
    () => trunkline.delete(job.id),
    () => trunkline.update(job.id, { tags: [] }),
  ])
    await expect(look()).rejects.toMatchObject({ code: 'job_not_found' })
  expect(await trunkline.list({ queue })).toEqual([])
  expect((await trunkline.queues()).find((q) => q.queue === queue)).toMatchObject({ due: 0, cancelled: 1 })
})

describe('pause', () => {
  test('nothing of the queue starts until it is resumed; the reason is told', async () => {
    const beside = `${queue}b`
    const worker = await trunkline.work([echo], { queues: [queue, beside], keeper: false, pollMs: 20 })
    await trunkline.pause(queue, { reason: 'the API is down', by: 'ada' })
    const job = await make('x')
    expect(await job.get()).toMatchObject({ state: 'pending', reason: 'paused' })
    const [view] = (await trunkline.queues()).filter((q) => q.queue === queue)
    expect(view).toMatchObject({ due: 1, workers: 1, paused: { reason: 'the API is down', by: 'ada', until: null } })
    expect(await trunkline.list({ queue, reason: 'paused' })).toHaveLength(1)
    expect(await trunkline.list({ queue, reason: 'due' })).toHaveLength(0)
    // the worker goes on looking: it runs what comes into its other queue
    for (const n of [1, 2, 3]) expect(await (await trunkline.enqueue(echo, n, { queue: beside })).result()).toBe(n)
    expect((await job.get()).attempt).toBe(0)
    await trunkline.resume(queue)
    expect(await job.result()).toBe('x')
    await worker.stop()
  })

  test('ends by itself at its time, and sleeping workers hear of it', async () => {
    const worker = await trunkline.work([echo], { queues: [queue], keeper: {} })
    await trunkline.pause(queue, { for: '400ms' })
    const begun = Date.now()
    const job = await make('x')
    expect(await job.result()).toBe('x')
    expect(Date.now() - begun).toBeLessThan(5000)
    expect((await trunkline.queues()).find((q) => q.queue === queue)?.paused).toBeNull()
    await worker.stop()
  })

  test('bad input is refused', async () => {
    await make()
    await expect(trunkline.pause('contrl1')).rejects.toMatchObject({
      code: 'unknown_queue',
      message: expect.stringContaining('did you mean'),
    })
    await expect(trunkline.resume('nobody')).rejects.toMatchObject({ code: 'unknown_queue' })
    for (const options of [
      { for: 'soon' },
      { until: 'soon' },
      { for: 1, until: new Date() },
      { reason: 5 },
      { reason: 'x'.repeat(501) },
      { reson: 'x' },
    ])
      await expect(trunkline.pause(queue, options as never), JSON.stringify(options)).rejects.toMatchObject({ name: 'TrunklineError' })
  })
})

describe('bulk', () => {
  test('by filter: counts first, then every job answers for itself', async () => {
    const worker = await trunkline.work([fails], { queues: [queue], keeper: false, pollMs: 10 })
    const failed = await trunkline.enqueueMany(fails, [1, 2, 3], { queue, tags: ['night'] })
    await Promise.allSettled(failed.map((j) => j.result()))
    await worker.stop()
    await make(1, { tags: ['night'] })
    const filter = { queue, tags: ['night'] }
    const counted = await trunkline.bulk('retry', filter, { dryRun: true })
    expect(counted.ids).toEqual(expect.arrayContaining(failed.map((j) => j.id)))
    expect(counted).toMatchObject({
      total: 4,
      accepted: 0,
      skipped: 0,
      byState: { failed: 3, pending: 1 },
      ids: expect.any(Array),
      results: [],
    })
    const report = await trunkline.bulk('retry', filter)
    expect(report).toMatchObject({ total: 4, accepted: 3, skipped: 1 })
    expect(report.results.filter((r) => !r.ok)).toMatchObject([
      { code: 'wrong_state', reason: expect.stringContaining('is pending'), hint: expect.stringContaining('waiting for its turn') },
    ])
    expect(await trunkline.bulk('cancel', { queue, state: 'pending', task: 'fails' }, { by: 'ada' })).toMatchObject({
      total: 3,
      accepted: 3,
    })
    expect(await trunkline.bulk('rerun', { queue, state: 'cancelled' }, { rerun: { priority: 7 }, by: 'bob' })).toMatchObject({
      accepted: 3,
    })
    expect(
      (await trunkline.list({ queue, state: 'pending', task: 'fails' })).every(
        (j) => j.priority === 7 && j.createdBy === 'bob' && j.rerunOf,
      ),
    ).toBe(true)
    expect(await trunkline.bulk('update', { queue, state: 'pending' }, { changes: { priority: -7 } })).toMatchObject({ accepted: 4 })
    expect(await trunkline.bulk('promote', { queue }, {})).toMatchObject({ accepted: 0, skipped: 7 })
    expect(await trunkline.bulk('delete', { queue, state: 'cancelled' })).toMatchObject({ accepted: 3 })
    expect(await trunkline.bulk('cancel', { ids: [failed[0]?.id ?? '', '999999999'] })).toMatchObject({
      total: 2,
      accepted: 0,
      results: expect.arrayContaining([expect.objectContaining({ jobId: '999999999', code: 'job_not_found' })]),
    })
  })

  test('redrive of dead letters: failed for one reason, by cause', async () => {
    const worker = await trunkline.work([fails], { queues: [queue], keeper: false, pollMs: 10 })
    const jobs = await trunkline.enqueueMany(fails, [1, 2], { queue })
    await Promise.allSettled(jobs.map((j) => j.result()))
    await worker.stop()
    expect(await trunkline.bulk('retry', { queue, reason: 'fatal' })).toMatchObject({ total: 0 })
    const { fingerprint = '' } = (await trunkline.get(jobs[0]?.id ?? '')).error ?? {}
    for (const filter of [{ fingerprint }, { fingerprint, state: 'failed' }, { fingerprint, reason: 'attempts_used' }] as const) {
      expect((await trunkline.list({ queue, ...filter })).map((j) => j.id).toSorted()).toEqual(jobs.map((j) => j.id).toSorted())
    }
    expect(await trunkline.list({ queue, fingerprint: '0'.repeat(16) })).toEqual([])
    for (const other of [{ state: 'pending' }, { reason: 'retrying' }, { reason: 'cancelled' }] as const) {
      await expect(trunkline.bulk('cancel', { queue, fingerprint, ...other })).rejects.toMatchObject({ code: 'invalid_option' })
    }
    expect(await trunkline.bulk('retry', { queue, reason: 'attempts_used' })).toMatchObject({ total: 2, accepted: 2 })
  })

  test('payload values: searchable paths in any history, others within a day', async () => {
    const jobs = await trunkline.enqueueMany(
      echo,
      [
        { customer: { id: 42 }, n: 1 },
        { customer: { id: 43 }, n: 1 },
        { customer: { id: 42 }, n: 2 },
      ],
      { queue },
    )
    const found = async (filter: object) => (await trunkline.list({ queue, ...filter })).map((j) => jobs.findIndex((k) => k.id === j.id))
    expect(await found({ task: 'echo', args: { 'customer.id': 42 } })).toEqual([2, 0])
    expect(await found({ task: 'echo', args: { 'customer.id': 42, n: 2 } })).toEqual([2])
    const lately = new Date(Date.now() - 60_000)
    expect(await found({ args: { n: 1 }, createdAfter: lately })).toEqual([1, 0])
    await expect(trunkline.list({ args: { n: 1 } })).rejects.toMatchObject({ code: 'query_too_broad', field: 'args.n' })
    await expect(trunkline.list({ args: { n: {} } })).rejects.toMatchObject({ field: 'args.n' })
  })

  test('bad calls touch nothing', async () => {
    await make()
    for (const [verb, target, options] of [
      ['cancel', {}, {}],
      ['cancel', { stat: 'failed' }, {}],
      ['cancel', { ids: 'all' }, {}],
      ['cancel', { ids: ['1; drop'] }, {}],
      ['cancel', { state: 'dead' }, {}],
      ['cancel', { reason: 'bad luck' }, {}],
      ['cancel', { state: 'failed', reason: 'due' }, {}],
      ['cancel', { fingerprint: 'xyz' }, {}],
      ['update', { queue: 'control1' }, {}],
      ['update', { queue: 'control1' }, { changes: { priority: 1000 } }],
      ['rerun', { queue: 'control1' }, { rerun: { payload: () => {} } }],
      ['destroy', { queue: 'control1' }, {}],
      ['cancel', { queue: 'control1' }, { limit: 0 }],
      ['cancel', { queue: 'control1' }, { dryrun: true }],
    ] as const) {
      await expect(
        trunkline.bulk(verb as never, target as never, options as never),
        `${verb} ${JSON.stringify(target)} ${JSON.stringify(options)}`,
      ).rejects.toMatchObject({
        name: 'TrunklineError',
      })
    }
    expect(await line()).toHaveLength(1)
  })

  test(`${many.toLocaleString('en-US')} jobs are cancelled in parts while claims go on`, async () => {
    const slow = defineTask('slow', { run: () => new Promise((resolve) => setTimeout(resolve, 5)) })
    await trunkline.enqueueMany(
      slow,
      Array.from({ length: many }, (_, i) => i),
      { queue, tags: ['bulk'] },
    )
    const worker = await trunkline.work([slow], { queues: [queue], keeper: false, concurrency: 2 })
    const parts: number[] = []
    const report = await trunkline.bulk(
      'cancel',
      { queue, tags: ['bulk'], state: 'pending' },
      {
        onProgress: ({ done }) => parts.push(done),
      },
    )
    expect(report.total).toBeGreaterThan(many / 10)
    expect(report.accepted + report.skipped).toBe(report.total)
    expect(parts.length).toBeGreaterThanOrEqual(report.total / 500)
    // each has ended once: some were cancelled, the others the worker had claimed before
    const left = await until(async () => {
      const [found] = (await trunkline.queues()).filter((q) => q.queue === queue)
      return found && found.due + found.scheduled + found.running === 0 ? found : null
    })
    await worker.stop()
    expect(left.completed + left.cancelled).toBe(many)
    expect(left.completed).toBeGreaterThan(0)
    expect(left.cancelled).toBeGreaterThan(many / 2)
  }, 120_000)
})

test('the counters agree with the history after all of this; a difference is found and booked', async () => {
  await keeper.runOnce()
  expect(await trunkline.reconcile()).toEqual([])
  await db.rows(`insert into trunkline.stat_delta select now(), queue_id, task_id, 2, 7, 0 from trunkline.job order by id limit 1`)
  expect(await trunkline.reconcile({ repair: true })).toMatchObject([{ state: 'completed' }])
  expect(await trunkline.reconcile()).toEqual([])
})
