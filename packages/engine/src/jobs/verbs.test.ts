import { beforeEach, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { claim } from './claim.ts'
import { complete } from './complete.ts'
import { defineTask } from './define-task.ts'
import { type GivenUp, giveUp, giveUpKind } from './give-up.ts'
import { promote } from './promote.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
const walk = db.link('walk')
const join = db.link('join')
let queue = ''
let round = 0
let me = 0

beforeEach(async () => {
  queue = `q${++round}`
  const [row] = await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w', 'h', 1, 'v', 1, '{}', '{}') returning id`,
  )
  me = row.id
})

async function take(id: string) {
  const [{ id: queueId }] = await db.rows('select id from trunkline.queue where name = $1', [queue])
  const got = await claim(walk, { queueId, wanted: 1, lanes: [-9, 0, 32767], hints: ['0', '0', '0'], chunks: 1, workerId: me })
  const job = got?.jobs.find((j) => String(j.id) === id)
  if (!job) throw new Error(`job ${id} was not to be claimed`)
  return job
}

async function give(id: string, kind: number, more: Partial<GivenUp> = {}) {
  const job = await take(id)
  const now = performance.now()
  return await giveUp(walk, me, [
    {
      id: job.id,
      leaseId: job.leaseId,
      attempt: job.attempt,
      kind,
      delayMs: 0,
      startedAt: now - 5,
      endedAt: now,
      error: '{"message":"boom"}',
      ...more,
    },
  ])
}

async function end(id: string, status: number, error: string | null = null) {
  const job = await take(id)
  const now = performance.now()
  return await complete(join, me, [{ ...job, status, startedAt: now - 5, endedAt: now, result: '{"ok":true}', error }])
}

const make = async (options: object = {}) => (await trunkline.enqueue(noop, {}, { queue, ...options })).id

describe('give up', () => {
  test('a failed try waits in scheduled as retrying, then runs as the next attempt', async () => {
    const id = await make()
    await give(id, giveUpKind.failed, { delayMs: 60_000 })
    expect(await trunkline.get(id)).toMatchObject({ state: 'pending', reason: 'retrying', attempt: 1, error: { message: 'boom' } })
    await db.rows('update trunkline.scheduled set run_at = now() where id = $1', [id])
    expect(await promote(walk)).toMatchObject({ moved: 1 })
    expect((await take(id)).attempt).toBe(1)
  })

  test('the last failed try fails the job, with the reason', async () => {
    const id = await make({ maxAttempts: 1 })
    expect(await give(id, giveUpKind.failed)).toMatchObject({ n: 1, final: 1 })
    expect(await trunkline.get(id)).toMatchObject({
      state: 'failed',
      reason: 'attempts_used',
      attempt: 1,
      error: { message: 'boom', reason: 'attempts_used' },
    })
  })

  test('a crash raises the attempt number but spends none of the policy', async () => {
    const id = await make({ maxAttempts: 2 })
    await db.rows(`insert into trunkline.attempt(id, attempt, kind, finished_at) values ($1, 0, 2, now())`, [id])
    await db.rows(`update trunkline.ready set attempt = 1 where $1::bigint = any(ids)`, [id])
    expect(await give(id, giveUpKind.failed)).toMatchObject({ n: 1, final: 0 })
  })

  test('a snooze spends no attempt, a hand-back returns to its own place', async () => {
    const snoozed = await make()
    await give(snoozed, giveUpKind.snoozed, { delayMs: 60_000 })
    expect(await trunkline.get(snoozed)).toMatchObject({ state: 'pending', reason: 'scheduled', attempt: 0 })
    const back = await make()
    const later = await make()
    await give(back, giveUpKind.handedBack)
    expect((await take(back)).attempt).toBe(0)
    expect((await take(later)).attempt).toBe(0)
  })

  test('a job that is not held is not given up', async () => {
    const id = await make()
    const job = await take(id)
    const now = performance.now()
    const given = {
      id: job.id,
      leaseId: job.leaseId + 1,
      attempt: 0,
      kind: giveUpKind.failed,
      delayMs: 0,
      startedAt: now,
      endedAt: now,
      error: '{}',
    }
    expect(await giveUp(walk, me, [given])).toMatchObject({ n: 0 })
    expect((await trunkline.get(id)).state).toBe('running')
  })
})

describe('promote', () => {
  test('moves what is due, in order, and says when the next is due', async () => {
    await db.rows('delete from trunkline.scheduled')
    const soon = await make({ delay: '20s' })
    const due = await make({ delay: '1h' })
    await db.rows(`update trunkline.scheduled set run_at = now() - interval '1 s' where id = $1`, [due])
    const { moved, nextMs } = await promote(walk)
    expect(moved).toBe(1)
    expect(nextMs).toBeGreaterThan(15_000)
    expect(nextMs).toBeLessThanOrEqual(20_000)
    expect((await trunkline.get(due)).reason).toBe('due')
    expect((await trunkline.get(soon)).reason).toBe('scheduled')
  })
})

describe('cancel', () => {
  test('a waiting job, one inside a chunk, a scheduled one: they never start afterwards', async () => {
    const [a, b, c] = (await trunkline.enqueueMany(noop, [1, 2, 3], { queue })).map((j) => j.id) as [string, string, string]
    const later = await make({ delay: '1h' })
    for (const id of [b, later]) {
      expect(await trunkline.cancel(id, { by: 'ada' })).toBe('cancelled')
      expect(await trunkline.get(id)).toMatchObject({ state: 'cancelled', reason: 'cancelled', attempt: 0 })
    }
    await take(a)
    await take(c)
    expect(await db.rows('select from trunkline.scheduled where id = $1', [later])).toEqual([])
  })

  test('one that stands far from its own number is found', async () => {
    const id = await make()
    await db.rows(`update trunkline.ready set seq = seq + 1000000, priority = 32767 where $1::bigint = any(ids)`, [id])
    expect(await trunkline.cancel(id)).toBe('cancelled')
  })

  test('one that has ended says so, one that never was is an error', async () => {
    const id = await make()
    await end(id, 2)
    expect(await trunkline.cancel(id)).toBe('ended')
    await expect(trunkline.cancel('999999999')).rejects.toMatchObject({ code: 'job_not_found' })
    await expect(trunkline.cancel('1; drop table x')).rejects.toMatchObject({ code: 'invalid_job_id' })
  })

  test('while others claim and hand back: every job is either cancelled or ended, never both', async () => {
    const ids = (
      await trunkline.enqueueMany(
        noop,
        Array.from({ length: 300 }, (_, i) => i),
        { queue },
      )
    ).map((j) => j.id)
    const [{ id: queueId }] = await db.rows('select id from trunkline.queue where name = $1', [queue])
    const work = async () => {
      const link = db.link('walk')
      let turn = 0
      // an empty claim says little: a cancellation may hold the chunk
      while ((await db.rows('select from trunkline.ready where queue_id = $1', [queueId])).length > 0) {
        const got = await claim(link, { queueId, wanted: 7, lanes: [0], hints: ['0'], chunks: 2, workerId: me })
        if (got) {
          const now = performance.now()
          const back = ++turn % 3 === 0 ? got.jobs[0] : undefined
          const rest = got.jobs.filter((j) => j !== back)
          if (back)
            await giveUp(link, me, [
              { id: back.id, leaseId: back.leaseId, attempt: back.attempt, kind: 3, delayMs: 0, startedAt: now, endedAt: now, error: null },
            ])
          if (rest.length > 0)
            await complete(
              join,
              me,
              rest.map((j) => ({ ...j, status: 2, startedAt: now, endedAt: now, result: null, error: null })),
            )
        }
      }
    }
    const answers = await Promise.all([...ids.filter((_, i) => i % 3 === 0).map((id) => trunkline.cancel(id)), work(), work()])
    const states = await db.rows('select state, count(*)::int n from trunkline.jobs where queue = $1 group by 1', [queue])
    expect(states.reduce((sum, s) => sum + s.n, 0)).toBe(300)
    expect(states.every((s) => ['completed', 'cancelled'].includes(s.state))).toBe(true)
    expect(answers.filter((a) => a === 'cancelled').length).toBeLessThanOrEqual(states.find((s) => s.state === 'cancelled')?.n ?? 0)
  })
})

describe('retry', () => {
  test('a failed job runs again with fresh attempts, under the same id', async () => {
    const id = await make({ maxAttempts: 2, priority: 9 })
    await give(id, giveUpKind.failed)
    await db.rows('update trunkline.scheduled set run_at = now() where id = $1', [id])
    await promote(walk)
    expect(await give(id, giveUpKind.failed)).toMatchObject({ final: 1 })
    await trunkline.retry(id)
    expect(await trunkline.get(id)).toMatchObject({ state: 'pending', reason: 'due', attempt: 2, priority: 9 })
    expect(await give(id, giveUpKind.failed)).toMatchObject({ n: 1, final: 0 })
    expect(await trunkline.get(id)).toMatchObject({ reason: 'retrying', attempt: 3 })
  })

  test('a cancelled job too; what waits, runs or is completed is refused with the reason', async () => {
    const id = await make()
    await expect(trunkline.retry(id)).rejects.toMatchObject({ code: 'wrong_state', message: expect.stringContaining('is pending') })
    await trunkline.cancel(id)
    await trunkline.retry(id)
    await take(id)
    await expect(trunkline.retry(id)).rejects.toMatchObject({ code: 'wrong_state', message: expect.stringContaining('is running') })
    const done = await make()
    await end(done, 2)
    await expect(trunkline.retry(done)).rejects.toMatchObject({ code: 'wrong_state', message: expect.stringContaining('is completed') })
    await expect(trunkline.retry('999999999')).rejects.toMatchObject({ code: 'job_not_found' })
  })

  test('keeps the counters true', async () => {
    const id = await make()
    await end(id, 3, '{"message":"no","reason":"fatal"}')
    expect((await trunkline.queues()).find((c) => c.queue === queue)).toMatchObject({ failed: 1, due: 0 })
    await trunkline.retry(id)
    expect((await trunkline.queues()).find((c) => c.queue === queue)).toMatchObject({ failed: 0, due: 1 })
  })
})

describe('lists', () => {
  test('by state, task and queue, page by page', async () => {
    const ids = (await trunkline.enqueueMany(noop, [1, 2, 3, 4, 5, 6], { queue })).map((j) => j.id) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    await end(ids[0], 2)
    await end(ids[1], 3, '{"message":"no","reason":"fatal"}')
    await take(ids[2])
    await trunkline.cancel(ids[5])
    const list = async (filter: object) => (await trunkline.list({ queue, ...filter })).map((j) => j.id)
    expect(await list({})).toEqual(ids.toReversed())
    expect(await list({ limit: 2, before: ids[4] })).toEqual([ids[3], ids[2]])
    expect(await list({ state: 'completed' })).toEqual([ids[0]])
    expect(await list({ state: 'failed' })).toEqual([ids[1]])
    expect(await list({ state: 'running' })).toEqual([ids[2]])
    expect(await list({ state: 'pending' })).toEqual([ids[3], ids[4]])
    expect(await list({ state: 'pending', task: 'noop' })).toEqual([ids[3], ids[4]])
    expect(await list({ state: 'cancelled' })).toEqual([ids[5]])
    await expect(trunkline.list({ task: 'nope' })).rejects.toMatchObject({ code: 'unknown_task' })
    await expect(trunkline.list({ queue: 'nope' })).rejects.toMatchObject({ code: 'unknown_queue' })
    await expect(trunkline.list({ state: 'queued' as never })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(trunkline.list({ stat: 'failed' } as never)).rejects.toMatchObject({
      code: 'unknown_option',
      message: expect.stringContaining('did you mean "state"'),
    })
    await expect(trunkline.list({ limit: 501 })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
