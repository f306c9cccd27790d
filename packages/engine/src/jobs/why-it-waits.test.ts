import { afterEach, expect, test } from 'vitest'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import type { Job } from '../trunkline.ts'
import type { Worker } from '../worker/worker.ts'
import { defineTask, type Task } from './define-task.ts'
import { Snooze } from './fate.ts'
import type { Why } from './why.ts'

// each reason of limits, flows and schedules, and who or what ends the wait; those of plain queues are in why.test.ts
const db = await testDatabase()
const trunkline = await db.connect()
const workers: Worker[] = []
let round = 0
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})

/** A queue of a test's own; its handler waits until it is let go, or does at once what its payload says. */
async function scene() {
  const queue = `waits${++round}`
  const go = signal()
  const task: Task<any, any> = defineTask(queue, {
    queue,
    retry: { attempts: 2, backoff: { curve: 'fixed', delay: '1h', jitter: 0 } },
    async run({ input }) {
      if (input === 'fail') throw new Error('no luck')
      if (input === 'snooze') throw new Snooze('1h')
      if (input === 'hold') await go.promise
    },
  })
  await trunkline.delete((await trunkline.enqueue(task, null)).id)
  return {
    queue,
    task,
    go: go.resolve,
    add: (payload: unknown, options: object = {}) => trunkline.enqueue(task, payload, options),
    async work() {
      workers.push(await trunkline.work([task], { keeper: { sweepMs: 100 }, pollMs: 10, concurrency: 20, drainMs: 100, graceMs: 100 }))
    },
  }
}

/** Waits until `why` says so of a job; its sentence is one for people, and the function of the database says the same. */
async function says(job: Pick<Job, 'id'>, expected: Partial<Why>, sentence: RegExp): Promise<Why> {
  let last: Why | undefined
  await until(
    async () => {
      last = await trunkline.why(job.id)
      return (
        (['state', 'reason', 'cause'] as const).every((key) => expected[key] === undefined || last?.[key] === expected[key]) &&
        sentence.test(last.sentence)
      )
    },
    `job ${job.id} to wait as ${JSON.stringify(expected)} ${sentence}`,
  ).catch(() => {})
  expect(last).toMatchObject(expected)
  expect(last?.sentence).toMatch(sentence)
  expect(last?.sentence).not.toMatch(/null|undefined|%/)
  const [row] = await db.rows('select trunkline.why($1) answer', [job.id])
  expect(row.answer.sentence.replace(/\d+/g, '#')).toBe(last?.sentence.replace(/\d+/g, '#'))
  return last as Why
}

test('a turn: the job that has it, whether it runs, is tried again later, was put back or waits for a worker itself', async () => {
  const { add, work, go } = await scene()
  await work()
  for (const [key, payload, how] of [
    ['runs', 'hold', 'it runs'],
    ['retried', 'fail', 'it failed and is tried again at 20\\d\\d-.* UTC'],
    ['snoozed', 'snooze', 'it is scheduled'],
  ]) {
    const first = await add(payload, { orderingKey: key })
    const [second, third] = [await add('x', { orderingKey: key }), await add('x', { orderingKey: key })]
    const turn = new RegExp(
      `^Jobs of the ordering key "${key}" run one after another: job ${first.id} has its turn \\(${how}\\), 0 more are before this one\\.$`,
    )
    await says(
      second,
      { state: 'pending', reason: 'held', cause: 'ordering', key: key as string, limit: 1, heldBy: [first.id], ahead: 0 },
      turn,
    )
    await says(third, { cause: 'ordering', ahead: 1, heldBy: [first.id] }, /1 more are before this one/)
  }
  go()
})

test('a place of a key: who has it; that the way is free, and a worker has to ask', async () => {
  const { queue, add, work, go } = await scene()
  await trunkline.setLimits(queue, { concurrencyPerKey: 2 })
  await work()
  const holders = [await add('hold', { concurrencyKey: 'k' }), await add('hold', { concurrencyKey: 'k' })]
  const next = await add('x', { concurrencyKey: 'k' })
  const ids = holders.map((job) => job.id)
  const full = new RegExp(
    `at most 2 jobs run at once; jobs ${ids.join(', ')} do, and 0 are before it\\. It starts when one of them ends\\.$`,
  )
  await says(next, { reason: 'held', cause: 'concurrency', key: 'k', limit: 2, heldBy: ids, ahead: 0 }, full)
  // nobody is left to open the gate
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
  go()
  for (const job of holders) await trunkline.cancel(job.id)
  await says(next, { reason: 'held', cause: 'concurrency' }, /^The way is free for "k"; it starts as soon as a worker asks\.$/)
})

test('a token of a key: when it is there; that the limit was taken away', async () => {
  const { queue, add, work } = await scene()
  await trunkline.setLimits(queue, { ratePerKey: { limit: 2, per: '1h', burst: 1 } })
  await work()
  await (await add('x', { rateKey: 'k' })).result()
  const [second, third] = [await add('x', { rateKey: 'k' }), await add('x', { rateKey: 'k' })]
  const wait =
    /^Of the rate key "k" at most 2 jobs start in 3600000 ms; [01] are before it, and a token for it is there at 20\d\d-.* UTC\.$/
  const soon = await says(second, { reason: 'held', cause: 'rate', key: 'k', limit: 2, ahead: 0 }, wait)
  const later = await says(third, { reason: 'held', cause: 'rate', ahead: 1 }, wait)
  const half = 1_800_000
  expect(Math.abs(Date.parse(soon.until as string) - Date.now() - half)).toBeLessThan(30_000)
  expect(Math.abs(Date.parse(later.until as string) - Date.now() - 2 * half)).toBeLessThan(30_000)
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
  await trunkline.setLimits(queue, { ratePerKey: null })
  await says(
    second,
    { reason: 'held', cause: 'rate' },
    /^The limit that it waited for was taken away; it starts as soon as a worker asks\.$/,
  )
})

test('the limits of a queue: who has its places, when a token is there', async () => {
  const { queue, add, work, go } = await scene()
  await trunkline.setLimits(queue, { concurrency: 1 })
  await work()
  const holder = await add('hold')
  const next = await add('x')
  const busy = new RegExp(
    `^Queue ${queue} runs at most 1 jobs at once, and so many run; about 0 are before it\\. It starts when one of them ends\\.$`,
  )
  await says(next, { reason: 'due', cause: 'queue_concurrency', limit: 1, busy: 1, heldBy: [holder.id] }, busy)
  await trunkline.setLimits(queue, { concurrency: null, rate: { limit: 1, per: '1h' } })
  await next.result()
  const slow = await add('x')
  const token = new RegExp(
    `^Queue ${queue} starts at most 1 jobs in 3600000 ms; about 0 are before it, and a token for it is there at 20\\d\\d-.* UTC\\.$`,
  )
  const answer = await says(slow, { reason: 'due', cause: 'queue_rate', limit: 1 }, token)
  expect(Date.parse(answer.until as string) - Date.now()).toBeGreaterThan(3_500_000)
  go()
})

test('parents: which one, and how it stands', async () => {
  const { add, work, go } = await scene()
  const parent = await add('hold')
  const child = await add('x', { dependsOn: [{ jobId: parent.id, onFailure: 'wait' }] })
  const grandchild = await add('x', { dependsOn: [child.id] })
  const waitsFor = (id: string, how: string) => new RegExp(`^It waits for job ${id} \\(waits\\d+\\), which ${how}\\.$`)
  const blocked = { state: 'blocked', reason: 'blocked', open: 1 } as const
  await says(
    child,
    { ...blocked, waitsFor: [{ jobId: parent.id, task: expect.any(String), state: 'pending' }] },
    waitsFor(parent.id, 'has not begun'),
  )
  await says(grandchild, blocked, waitsFor(child.id, 'waits for others itself'))
  await work()
  await says(child, blocked, waitsFor(parent.id, 'runs'))
  await trunkline.cancel(parent.id)
  await says(child, blocked, waitsFor(parent.id, "was cancelled: it waits for that one's retry"))
  const failing = await trunkline.enqueue(`waits${round}`, 'fail', { maxAttempts: 1 })
  const [held, doomed] = [
    await add('x', { dependsOn: [{ jobId: failing.id, onFailure: 'wait' }] }),
    await add('x', { dependsOn: [{ jobId: failing.id }] }),
  ]
  await says(held, blocked, waitsFor(failing.id, "failed: it waits for that one's retry"))
  await says(doomed, { state: 'cancelled', by: 'flow' }, new RegExp(`because job ${failing.id}, which it depends on, failed\\.$`))
  // two of them
  const [one, two] = [await add('hold'), await add('hold')]
  const both = await add('x', { dependsOn: [one.id, two.id] })
  await says(both, { ...blocked, open: 2 }, new RegExp(`^It waits for 2 jobs, the first of them ${one.id}\\.$`))
  go()
  await both.result()
  await says(both, { state: 'completed', reason: 'completed' }, /^It completed at/)
})

test('parents that ended beside it: in a moment it stands in line', async () => {
  const { add } = await scene()
  const parent = await add('x')
  const child = await add('x', { dependsOn: [parent.id] })
  // as between the end of a parent and the look of the keeper
  await db.rows('update trunkline.dependency set open = false where child = $1', [child.id])
  await says(child, { state: 'blocked', reason: 'blocked' }, /^Everything it waits for has ended; it stands in line in a moment\.$/)
})

test('a schedule: for which slot it was made; when a later start comes', async () => {
  const { queue, add } = await scene()
  const { id } = await trunkline.schedules.create({ name: `of ${queue}`, task: queue, intervalMs: 3_600_000, jitterMs: 0 })
  const { jobId, slot } = await trunkline.schedules.run(id)
  const made = `Schedule "of ${queue}" made it for its slot of ${slot.toISOString().slice(0, 19).replace('T', ' ')} UTC\\.$`
  await says({ id: jobId }, { reason: 'due', cause: 'no_worker' }, new RegExp(`start one: trunkline worker --queues ${queue} ?${made}`))
  await trunkline.pause(queue, { by: 'ada', reason: 'a break' })
  await says({ id: jobId }, { reason: 'paused', by: 'ada', note: 'a break' }, new RegExp(`until somebody resumes it\\. ${made}`))
  await trunkline.resume(queue)
  const later = await add('x', { delay: '1h' })
  await says(later, { reason: 'scheduled', cause: 'run_at' }, /^It was asked for at 20\d\d-.* UTC\.$/)
  await trunkline.schedules.delete(id)
})
