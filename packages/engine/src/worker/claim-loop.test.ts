import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import type { Link } from '../postgres/link.ts'
import { createClaimLoop, idlePause } from './claim-loop.ts'
import { createQueueReader } from './lanes.ts'

const day = 24 * 60 * 60 * 1000

describe('the pause of an idle worker', () => {
  test.each([
    { idleMs: 0, listening: true, pause: 20 },
    { idleMs: 21, listening: true, pause: 21 },
    { idleMs: 99, listening: false, pause: 99 },
    { idleMs: 100, listening: true, pause: 1000 },
    { idleMs: 10_000, listening: true, pause: 1000 },
    { idleMs: 30_000, listening: true, pause: 3000 },
    { idleMs: 10 * 60_000, listening: true, pause: 60_000 },
    { idleMs: day, listening: true, pause: 300_000 },
    { idleMs: day, listening: false, pause: 1000 },
  ])('is $pause ms after $idleMs ms, listening: $listening', ({ idleMs, listening, pause }) => {
    expect(idlePause(idleMs, listening)).toBe(pause)
  })
})

describe('on an idle day', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  async function statementsOfADay(listening: boolean): Promise<Record<string, number>> {
    const counted: Record<string, number> = {}
    const link: Link = {
      async run(statement) {
        counted[statement.name] = (counted[statement.name] ?? 0) + 1
        return []
      },
      connections: () => 1,
      stop: async () => {},
    }
    const loop = createClaimLoop({
      link,
      queueIds: [1],
      workerId: () => 1,
      wanted: () => 5,
      free: () => 5,
      suspectAllowed: () => true,
      accept: () => {},
      listening: () => listening,
      reclaim: async () => {},
      onError: (error) => {
        throw error
      },
    })
    loop.start()
    await vi.advanceTimersByTimeAsync(day)
    await loop.stop()
    return counted
  }

  test('twenty workers with a proven listener ask a queue less than 10,000 times, and say once that they sleep', async () => {
    const counted = await statementsOfADay(true)
    expect((counted.trunkline_lanes ?? 0) + (counted.trunkline_claim ?? 0)).toBeLessThan(10_000 / 20)
    expect(counted.trunkline_idle).toBe(1)
  })

  test('one without asks every second, and tells no producer that it sleeps', async () => {
    const counted = await statementsOfADay(false)
    expect(counted.trunkline_lanes).toBeGreaterThan(86_000)
    expect(counted.trunkline_lanes).toBeLessThan(86_600)
    expect(counted.trunkline_idle).toBeUndefined()
  })
})

test('a worker without LISTEN starts a job within a second; one with it at once, however long its pause', async () => {
  const db = await testDatabase()
  const task = defineTask('wait', { run: () => performance.now() })
  const deaf = await db.connect({ pooler: 'transaction' })
  const worker = await deaf.work([task])
  // past the quick first looks: from here on it sleeps a second at a time
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (let turn = 0; turn < 3; turn++) {
    const asked = performance.now()
    const began = await (await deaf.enqueue(task, {})).result()
    expect((began as number) - asked).toBeLessThan(1300)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  await worker.stop()
  const keen = await db.connect()
  const listening = await keen.work([task], { pollMs: 60_000 })
  await until(async () => (await db.rows('select from trunkline.idle where waiting')).length > 0)
  const asked = performance.now()
  await (await keen.enqueue(task, {})).result()
  expect(performance.now() - asked).toBeLessThan(2000)
  await listening.stop()
})

test('a rehearsal has the claim planned on its connection, and takes nothing of what is due', async () => {
  const db = await testDatabase()
  const job = await (await db.connect()).enqueue(defineTask('due', { run: () => {} }), {})
  const link = db.link('walk')
  const [row] = await db.rows('select queue_id from trunkline.job')
  const [worker] = await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w', 'h', 1, 'v', 1, '{}', '{}') returning id`,
  )
  const reader = createQueueReader(link, row.queue_id, () => worker.id)
  await reader.rehearse()
  expect((await job.get()).state).toBe('pending')
  const look = {
    name: 'look',
    writes: false,
    text: () => `select name from pg_prepared_statements where name like 'trunkline%' order by 1`,
  }
  expect(await link.run(look, [])).toEqual([['trunkline_claim'], ['trunkline_lanes']])
  expect((await reader.take(5, 5, true))?.jobs.map(({ id }) => String(id))).toEqual([job.id])
})
