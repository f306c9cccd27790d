import { describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { type Claim, claim, lanesOf } from './claim.ts'
import { complete } from './complete.ts'
import { defineTask } from './define-task.ts'
import { giveUp, giveUpKind } from './give-up.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })

async function queueId(name: string): Promise<number> {
  return (await db.rows('select id from trunkline.queue where name = $1', [name]))[0].id
}
const worker = async (name: string): Promise<number> =>
  (
    await db.rows(
      `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ($1, 'h', 1, 'v', 1, '{}', '{}') returning id`,
      [name],
    )
  )[0].id

function ends(got: Claim, status = 2) {
  const now = performance.now()
  return got.jobs.map((j) => ({
    id: j.id,
    leaseId: j.leaseId,
    attempt: j.attempt,
    status,
    queueId: j.queueId,
    taskId: j.taskId,
    startedAt: now,
    endedAt: now,
    result: null,
    error: null,
  }))
}

describe('claim', () => {
  test('takes the best lane first, and within a lane the oldest', async () => {
    const low = await trunkline.enqueue(noop, 'low', { queue: 'order', priority: -5 })
    const first = await trunkline.enqueue(noop, 'first', { queue: 'order' })
    const second = await trunkline.enqueue(noop, 'second', { queue: 'order' })
    const high = await trunkline.enqueue(noop, 'high', { queue: 'order', priority: 9 })
    const link = db.link('walk')
    const q = await queueId('order')
    const { lanes } = await lanesOf(link, q)
    expect(lanes).toEqual([-9, 0, 5])
    const got = await claim(link, { queueId: q, wanted: 10, lanes, hints: ['0', '0', '0'], chunks: 10, workerId: await worker('a') })
    expect(got?.jobs.map((j) => String(j.id))).toEqual([high.id, first.id, second.id, low.id])
    expect(got?.jobs.map((j) => j.priority)).toEqual([-9, 0, 0, 5])
    expect((await first.get()).state).toBe('running')
  })

  test('splits a chunk and leaves the rest in its place', async () => {
    const jobs = await trunkline.enqueueMany(noop, [1, 2, 3, 4, 5], { queue: 'split' })
    const link = db.link('walk')
    const q = await queueId('split')
    const request = { queueId: q, wanted: 2, lanes: [0], hints: ['0'], chunks: 2, workerId: await worker('b') }
    expect((await claim(link, request))?.jobs.map((j) => String(j.id))).toEqual([jobs[0]?.id, jobs[1]?.id])
    const rest = await claim(link, { ...request, wanted: 10 })
    expect(rest?.jobs.map((j) => String(j.id))).toEqual(jobs.slice(2).map((j) => j.id))
    expect(await claim(link, request)).toBeNull()
  })

  test('60,000 jobs and 8 claimers of odd sizes, some of which hand back: each job ends exactly once', async () => {
    const total = 60_000
    await trunkline.enqueueMany(
      noop,
      Array.from({ length: total }, (_, i) => i),
      { queue: 'race' },
    )
    const q = await queueId('race')
    const seen = new Map<number, number>()
    let closed = 0
    async function claimer(size: number, index: number): Promise<void> {
      const walk = db.link('walk')
      const join = db.link('join')
      const workerId = await worker(`race-${index}`)
      let turn = 0
      for (let empty = 0; empty < 3; ) {
        const got = await claim(walk, { queueId: q, wanted: size, lanes: [0], hints: ['0'], chunks: Math.ceil(size / 100) + 1, workerId })
        if (!got) {
          empty++
          continue
        }
        empty = 0
        expect(got.missing).toEqual([])
        let mine = ends(got)
        if (++turn % 7 === 0 && mine.length > 1) {
          const back = mine.slice(0, mine.length >> 1).map((e) => ({ ...e, kind: giveUpKind.handedBack, delayMs: 0 }))
          expect((await giveUp(walk, workerId, back)).n).toBe(back.length)
          mine = mine.slice(back.length)
        }
        for (const { id } of mine) seen.set(id, (seen.get(id) ?? 0) + 1)
        const n = await complete(join, workerId, mine)
        closed += n
      }
    }
    await Promise.all([1, 7, 33, 64, 100, 101, 250, 499].map(claimer))
    expect(seen.size).toBe(total)
    expect([...seen.values()].every((n) => n === 1)).toBe(true)
    expect(closed).toBe(total)
    const [left] = await db.rows(
      `select (select count(*) from trunkline.ready where queue_id = $1)::int ready, (select count(*) from trunkline.outcome where queue_id = $1)::int outcomes,
      (select sum(n) from trunkline.stat_delta where queue_id = $1 and status = 2)::int counted`,
      [q],
    )
    expect(left).toEqual({ ready: 0, outcomes: total, counted: total })
  })
})

describe('the fence', () => {
  test('a second end of the same job, a wrong worker and a lost lease end nothing', async () => {
    const [job] = await trunkline.enqueueMany(noop, [1, 2], { queue: 'fence' })
    const walk = db.link('walk')
    const join = db.link('join')
    const me = await worker('me')
    const got = (await claim(walk, {
      queueId: await queueId('fence'),
      wanted: 2,
      lanes: [0],
      hints: ['0'],
      chunks: 2,
      workerId: me,
    })) as Claim
    const [first, second] = ends(got)
    if (!first || !second) throw new Error('two jobs were claimed')
    expect(await complete(join, me + 1000, [first])).toBe(0)
    expect(await complete(join, me, [first])).toBe(1)
    expect(await complete(join, me, [{ ...first, status: 3 }])).toBe(0)
    expect((await trunkline.get(job?.id as string)).state).toBe('completed')
    await db.rows('delete from trunkline.lease where id = $1', [got.leaseId])
    expect(await complete(join, me, [second])).toBe(0)
  })
})
