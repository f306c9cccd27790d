import { beforeEach, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from './define-task.ts'
import { judgeQueues } from './queue-health.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const database = db.open()
const bill = defineTask('bill', { queue: 'bills', run: () => {} })
const healthOf = async (name: string) => (await trunkline.queues()).find((q) => q.queue === name)?.health

describe('thresholds', () => {
  test('a queue without has no health; what is set is shown, set anew in its place, and taken away', async () => {
    await trunkline.enqueue(bill, {}, { delay: '1d' })
    expect(await healthOf('bills')).toBeNull()
    await trunkline.setThresholds('bills', { waiting: { warning: 3, critical: 6 }, workers: { warning: 1 } })
    await trunkline.setThresholds('bills', { waiting: { warning: 3, critical: 6 } })
    expect(await healthOf('bills')).toMatchObject({ level: 'healthy', crossed: [], thresholds: { waiting: { warning: 3, critical: 6 } } })
    await trunkline.setThresholds('bills', null)
    expect(await healthOf('bills')).toBeNull()
  })

  test.each([
    [{ wating: { warning: 1 } }, 'unknown_option', /waiting/],
    [{ waiting: { warn: 1 } }, 'unknown_option', /"warn"/],
    [{ waiting: {} }, 'invalid_option', /warning, critical/],
    [{ waiting: 7 }, 'invalid_option', /an object/],
    [{ waiting: { warning: 0 } }, 'invalid_option', /above 0/],
    [{ failurePercent: { warning: 101 } }, 'invalid_option', /at most 100/],
    [{ waiting: { warning: 5, critical: 4 } }, 'invalid_option', /at least warning/],
    [{ workers: { warning: 1, critical: 2 } }, 'invalid_option', /at most warning/],
    [{}, 'invalid_option', /one or more of/],
  ])('%j is refused as %s', async (thresholds, code, words) => {
    await expect(trunkline.setThresholds('bills', thresholds as never)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    })
  })

  test('an unknown queue is named with the nearest', async () => {
    await expect(trunkline.setThresholds('bils', { waiting: { warning: 1 } })).rejects.toMatchObject({ code: 'unknown_queue' })
  })
})

describe('the verdict', () => {
  beforeEach(() => trunkline.setThresholds('bills', null))

  test('is worse at once, better only when it has been so for a while; each change is told in the feed, once', async () => {
    const { cursor } = await trunkline.changes()
    await trunkline.setThresholds('bills', { waiting: { warning: 2, critical: 4 } })
    expect(await judgeQueues(database)).toEqual([])
    const jobs = await trunkline.enqueueMany(bill, [{}, {}, {}])
    const warning = { measure: 'waiting', value: 3, limit: 2, level: 'warning' }
    expect(await judgeQueues(database)).toEqual([{ queue: 'bills', was: 'healthy', level: 'warning', crossed: [warning] }])
    expect(await judgeQueues(database)).toEqual([])
    jobs.push(...(await trunkline.enqueueMany(bill, [{}, {}])))
    expect(await judgeQueues(database)).toMatchObject([{ was: 'warning', level: 'critical', crossed: [{ value: 5, limit: 4 }] }])
    for (const job of jobs) await trunkline.cancel(job.id)
    expect(await judgeQueues(database)).toEqual([])
    expect((await healthOf('bills'))?.level).toBe('critical')
    expect(await judgeQueues(database, 0)).toEqual([{ queue: 'bills', was: 'critical', level: 'healthy', crossed: [] }])
    const told = (await trunkline.changes({ after: cursor })).changes.filter((c) => c.kind === 'queue_health')
    expect(told.map((c) => [c.body.was, c.body.level])).toEqual([
      ['healthy', 'warning'],
      ['warning', 'critical'],
      ['critical', 'healthy'],
    ])
  })

  test('one that gets worse again while it was getting better has not been better', async () => {
    await trunkline.setThresholds('bills', { waiting: { warning: 1 } })
    const first = await trunkline.enqueue(bill, {})
    await judgeQueues(database)
    await trunkline.cancel(first.id)
    await judgeQueues(database)
    const again = await trunkline.enqueue(bill, {})
    await judgeQueues(database)
    expect(await db.rows(`select level, better_since from trunkline.queue_health`)).toEqual([{ level: 'warning', better_since: null }])
    await trunkline.cancel(again.id)
  })

  test('knows how long the oldest due job waits, in whatever lane; a job that is not due yet does not count', async () => {
    await trunkline.setThresholds('bills', { oldestMs: { warning: 60_000, critical: 3_600_000 } })
    const [old] = await trunkline.enqueueMany(bill, [{}], { priority: -5 })
    await trunkline.enqueue(bill, {}, { priority: 5 })
    await trunkline.enqueue(bill, {}, { delay: '1h' })
    await db.rows(
      `update trunkline.job set created_at = now() - interval '2 min', run_at = least(run_at, now() - interval '2 min') where id = $1`,
      [old?.id],
    )
    const [found] = await judgeQueues(database)
    expect(found).toMatchObject({ level: 'warning', crossed: [{ measure: 'oldestMs', limit: 60_000 }] })
    expect(found?.crossed[0]?.value).toBeGreaterThanOrEqual(120_000)
  })

  test('knows what fails: of ten ended jobs at least, within ten minutes', async () => {
    await trunkline.setThresholds('bills', { failurePercent: { warning: 20, critical: 50 } })
    const ids = `(select id from trunkline.queue where name = 'bills'), (select id from trunkline.task where name = 'bill')`
    const ended = (n: number, status: number, ago = '1 min') =>
      db.rows(`insert into trunkline.stat_delta select date_trunc('minute', now() - $3::interval), ${ids}, $2::int2, $1::int, 0`, [
        n,
        status,
        ago,
      ])
    await judgeQueues(database, 0)
    await ended(100, 3, '20 min')
    await ended(5, 2)
    await ended(4, 3)
    expect(await judgeQueues(database, 0)).toEqual([])
    await ended(3, 2)
    expect(await judgeQueues(database, 0)).toMatchObject([
      { level: 'warning', crossed: [{ measure: 'failurePercent', value: 33, limit: 20, level: 'warning' }] },
    ])
  })

  test('knows too few live workers', async () => {
    await trunkline.setThresholds('bills', { workers: { critical: 1 } })
    expect(await judgeQueues(database, 0)).toMatchObject([{ level: 'critical', crossed: [{ measure: 'workers', value: 0, limit: 1 }] }])
    const worker = await trunkline.work([bill], { keeper: false })
    expect(await judgeQueues(database, 0)).toEqual([])
    expect(await judgeQueues(database, 0)).toMatchObject([{ level: 'healthy' }])
    await worker.stop()
  })

  test('comes to the inboxes of those who operate the queue and want it', async () => {
    await db.rows(`insert into trunkline.account(email, role, scopes, preferences) values
      ('operator@a', 'operator', '{}', '{}'), ('viewer@a', 'viewer', '{}', '{}'), ('other@a', 'admin', '{"queues": ["mail_*"]}', '{}'),
      ('mine@a', 'operator', '{"queues": ["bil*"]}', '{}'), ('quiet@a', 'owner', '{}', '{"alerts": "none"}')`)
    await trunkline.setThresholds('bills', { workers: { warning: 1 } })
    await judgeQueues(database, 0)
    const told = await db.rows(
      `select email, title, message from trunkline.notification n join trunkline.account a on a.id = n.account_id where kind = 'alert' order by 1`,
    )
    expect(told).toEqual(
      ['mine@a', 'operator@a'].map((email) => ({ email, title: 'Queue bills is warning', message: 'live workers: 0 (limit 1)' })),
    )
  })
})
