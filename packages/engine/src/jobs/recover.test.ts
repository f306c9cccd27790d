import { beforeEach, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { type Claim, claim, isolationLane, lanesOf } from './claim.ts'
import { verdict } from './complete.ts'
import { defineTask } from './define-task.ts'
import { reclaim, recover } from './recover.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
const link = db.link('walk')
let queue = ''
let round = 0

beforeEach(async () => {
  queue = `q${++round}`
  await trunkline.enqueueMany(noop, [], { queue })
})

async function newWorker(): Promise<number> {
  const [row] = await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w', 'h', 1, 'v', 1, '{}', '{}') returning id`,
  )
  return row.id
}

async function claimBy(workerId: number, wanted: number, lane?: number): Promise<Claim> {
  const [{ id: queueId }] = await db.rows('select id from trunkline.queue where name = $1', [queue])
  const lanes = lane === undefined ? (await lanesOf(link, queueId)).lanes.filter((l) => l !== isolationLane) : [lane]
  const got = await claim(link, { queueId, wanted, lanes, hints: lanes.map(() => '0'), chunks: wanted, workerId })
  if (!got) throw new Error('nothing to claim')
  return got
}

/** The worker dies; `running` is what its last heartbeat had said. */
async function die(workerId: number, running: (number | string)[]): Promise<void> {
  await db.rows(`update trunkline.worker set beat = now() - interval '1 minute', running = $2 where id = $1`, [workerId, running])
  await recover(link, 30_000, 3)
}

const crashes = async (id: string) => (await db.rows('select count(*)::int n from trunkline.attempt where id = $1 and kind = 2', [id]))[0].n
const lane = async (id: string) => (await db.rows('select priority from trunkline.ready where $1::bigint = any(ids)', [id]))[0]?.priority

describe('a worker that is not heard of', () => {
  test('is left alone while it beats', async () => {
    const job = await trunkline.enqueue(noop, {}, { queue })
    await claimBy(await newWorker(), 1)
    await recover(link, 30_000, 3)
    expect((await job.get()).state).toBe('running')
  })

  test('loses its jobs: started ones get a crash row and the next attempt, prefetched ones go back unchanged', async () => {
    const jobs = await trunkline.enqueueMany(noop, [1, 2, 3], { queue, priority: 4 })
    const [started, ...others] = jobs.map((j) => j.id) as [string, string, string]
    const dead = await newWorker()
    await claimBy(dead, 3)
    await die(dead, [started])
    expect(await crashes(started)).toBe(1)
    expect(await trunkline.get(started)).toMatchObject({ state: 'pending', attempt: 1, error: { code: 'worker_lost' } })
    for (const id of others) {
      expect(await crashes(id)).toBe(0)
      expect(await trunkline.get(id)).toMatchObject({ state: 'pending', attempt: 0 })
    }
    const again = await claimBy(await newWorker(), 3)
    expect(again.jobs.map((j) => [String(j.id), j.attempt]).sort()).toEqual([[started, 1], ...others.map((id) => [id, 0])].sort())
    expect((await trunkline.logs(started)).map((l) => [l.attempt, l.level])).toEqual([[1, 'error']])
  })

  test('had recorded nothing: its jobs go unchanged to the isolation lane, one of them may be the killer', async () => {
    const jobs = await trunkline.enqueueMany(noop, [1, 2], { queue })
    const dead = await newWorker()
    await claimBy(dead, 2)
    await die(dead, [])
    for (const { id } of jobs) {
      expect(await crashes(id)).toBe(0)
      expect(await lane(id)).toBe(isolationLane)
    }
  })

  test('from the second crash a job waits in the isolation lane, the third ends it with crash_limit', async () => {
    const { id } = await trunkline.enqueue(noop, {}, { queue, maxAttempts: 1 })
    for (const expected of [0, isolationLane]) {
      const dead = await newWorker()
      await claimBy(dead, 1, 0)
      await die(dead, [])
      expect(await lane(id)).toBe(expected)
    }
    expect(await trunkline.get(id)).toMatchObject({ state: 'pending', attempt: 2 })
    const dead = await newWorker()
    await claimBy(dead, 1, isolationLane)
    await die(dead, [id])
    expect(await trunkline.get(id)).toMatchObject({ state: 'failed', reason: 'crash_limit', attempt: 3, error: { crashes: 3 } })
    // a person may still try once more
    await trunkline.retry(id)
    expect(await trunkline.get(id)).toMatchObject({ state: 'pending', attempt: 3 })
  })

  test('a third crash in company does not end it', async () => {
    const [suspect, other] = (await trunkline.enqueueMany(noop, [1, 2], { queue })).map((j) => j.id) as [string, string]
    await db.rows(`insert into trunkline.attempt(id, attempt, kind, finished_at) values ($1, 100, 2, now()), ($1, 101, 2, now())`, [
      suspect,
    ])
    const dead = await newWorker()
    await claimBy(dead, 2)
    await die(dead, [suspect, other])
    expect(await trunkline.get(suspect)).toMatchObject({ state: 'pending' })
    expect(await lane(suspect)).toBe(isolationLane)
    expect(await lane(other)).toBe(0)
  })

  test('a job whose cancellation was asked for ends as cancelled', async () => {
    const job = await trunkline.enqueue(noop, {}, { queue })
    const dead = await newWorker()
    await claimBy(dead, 1)
    expect(await trunkline.cancel(job.id, { by: 'ada' })).toBe('asked')
    await die(dead, [])
    await expect(job.result()).rejects.toMatchObject({ code: 'cancelled', message: expect.stringContaining('by ada') })
  })
})

test('a worker that was given up and does not know it yet claims nothing', async () => {
  await trunkline.enqueue(noop, {}, { queue })
  const dead = await newWorker()
  await die(dead, [])
  await expect(claimBy(dead, 1)).rejects.toThrow('nothing to claim')
  expect((await claimBy(await newWorker(), 1)).jobs).toHaveLength(1)
})

test('the crash row names the dead worker, which is not told that it ended the job itself', async () => {
  const job = await trunkline.enqueue(noop, {}, { queue })
  const dead = await newWorker()
  await claimBy(dead, 1)
  await die(dead, [job.id])
  expect(await crashes(job.id)).toBe(1)
  expect(await verdict(link, dead, [{ id: Number(job.id), attempt: 0 }])).toEqual(new Set())
})

test('a lease whose worker row was deleted by hand is taken over', async () => {
  const job = await trunkline.enqueue(noop, {}, { queue })
  const gone = await newWorker()
  await claimBy(gone, 1)
  await db.rows('delete from trunkline.worker where id = $1', [gone])
  await recover(link, 30_000, 3)
  expect((await job.get()).state).toBe('pending')
})

test('reclaim gives back leases the worker does not know of, and only those', async () => {
  const jobs = await trunkline.enqueueMany(noop, [1, 2], { queue })
  const me = await newWorker()
  const known = await claimBy(me, 1)
  await claimBy(me, 1)
  expect(await reclaim(link, me, [known.leaseId], 60_000)).toBe(0)
  expect(await reclaim(link, me, [known.leaseId], 0)).toBe(1)
  expect(await Promise.all(jobs.map(async (j) => (await j.get()).state))).toEqual(['running', 'pending'])
})
