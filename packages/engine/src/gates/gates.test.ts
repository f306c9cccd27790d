import { TrunklineError } from '@trunkline/contract'
import { afterEach, describe, expect, test } from 'vitest'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { Snooze } from '../jobs/fate.ts'
import type { Worker } from '../worker/worker.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const workers: Worker[] = []
let numbered = 0
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})

/** A queue of a test's own, with a task whose handler each test sets. */
async function scene(run: (id: string, input: any, attempt: number) => unknown, attempts = 5) {
  const name = `gates${++numbered}`
  const task = defineTask<any, unknown>(name, {
    queue: name,
    retry: { attempts, backoff: { curve: 'fixed', delay: 1 } },
    run: ({ job, input, attempt }) => run(job.id, input, attempt),
  })
  const first = await trunkline.enqueue(task, { first: true })
  await trunkline.delete(first.id)
  const work = async (concurrency = 5) => {
    const worker = await trunkline.work([task], { concurrency, heartbeatMs: 100, keeper: { sweepMs: 100 } })
    workers.push(worker)
    return worker
  }
  return { name, task, work }
}

/** Nothing of it may be left when all of its jobs have ended. */
async function expectNothingLeft(queue: string): Promise<void> {
  const left = async () =>
    await db.rows(
      `select (select count(*)::int from trunkline.held h where h.queue_id = q.id) held,
        (select count(*)::int from trunkline.permit p where p.queue_id = q.id) permits,
        (select count(*)::int from trunkline.ready r where r.queue_id = q.id) ready,
        (select count(*)::int from trunkline.lease e where e.queue_id = q.id) leases
      from trunkline.queue q where q.name = $1`,
      [queue],
    )
  await until(async () => JSON.stringify(await left()) === '[{"held":0,"permits":0,"ready":0,"leases":0}]', 'nothing to be left').catch(async () =>
    expect(await left()).toEqual([{ held: 0, permits: 0, ready: 0, leases: 0 }]),
  )
}

describe('concurrency per key', () => {
  test('no more jobs of a key run at once than its limit says, and others pass', async () => {
    let running = 0
    let most = 0
    const { name, task, work } = await scene(async (_, input) => {
      if (input.key !== 'a') return
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
    })
    await trunkline.setLimits(name, { concurrencyPerKey: 2 })
    const jobs = await trunkline.enqueueMany(
      task,
      Array.from({ length: 40 }, (_, i) => ({ key: i % 2 ? 'a' : 'b', i })),
      { concurrencyKey: ({ key }: any) => key },
    )
    await work(10)
    await Promise.all(jobs.map((job) => job.result()))
    expect(most).toBe(2)
    await expectNothingLeft(name)
  })
})
