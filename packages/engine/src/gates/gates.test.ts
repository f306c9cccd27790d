import { afterEach, describe, expect, test } from 'vitest'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask, type Task, type TaskContext } from '../jobs/define-task.ts'
import { Snooze } from '../jobs/fate.ts'
import { recover } from '../jobs/recover.ts'
import type { Job } from '../trunkline.ts'
import type { Worker } from '../worker/worker.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const workers: Worker[] = []
let numbered = 0
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
})

/** A queue of a test's own with a task; `attempts` tries, each as soon as the keeper looks. */
async function scene(run: (context: TaskContext<any>) => unknown, attempts = 5) {
  const name = `gates${++numbered}`
  const task: Task<any, any> = defineTask(name, { queue: name, retry: { attempts, backoff: { curve: 'fixed', delay: 1, jitter: 0 } }, run })
  // the queue is known from here
  await trunkline.delete((await trunkline.enqueue(task, null)).id)
  const work = async (concurrency = 5) => {
    const worker = await trunkline.work([task], { concurrency, keeper: { sweepMs: 100 }, pollMs: 20, drainMs: 100, graceMs: 100 })
    workers.push(worker)
    return worker
  }
  const add = (payload: unknown, options: object = {}) => trunkline.enqueue(task, payload, options)
  return { name, task, work, add }
}

/** How many of its jobs run at once, and in which order they began. */
function witness() {
  const begun: string[] = []
  const running = new Map<string, number>()
  const most = new Map<string, number>()
  return {
    begun,
    most: (key: string) => most.get(key) ?? 0,
    async watch<T>(key: string, id: string, work: () => Promise<T>): Promise<T> {
      begun.push(id)
      const n = (running.get(key) ?? 0) + 1
      running.set(key, n)
      most.set(key, Math.max(most.get(key) ?? 0, n))
      try {
        return await work()
      } finally {
        running.set(key, (running.get(key) ?? 1) - 1)
      }
    },
  }
}
const turn = (ms = 3) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const results = (jobs: readonly { result(): Promise<unknown> }[]) => Promise.all(jobs.map((job) => job.result()))

/** A job that has begun goes on when it is told to; the ids of those that have. */
function stage() {
  const begun: string[] = []
  const gates = new Map<string, ReturnType<typeof signal<void>>>()
  const gate = (id: string) => {
    const found = gates.get(id) ?? signal<void>()
    gates.set(id, found)
    return found
  }
  return {
    begun,
    run: async ({ job, signal: aborted }: TaskContext<any>) => {
      begun.push(job.id)
      await Promise.race([
        gate(job.id).promise,
        new Promise((_, reject) => aborted.addEventListener('abort', () => reject(aborted.reason))),
      ])
    },
    began: (id: string) => until(() => begun.includes(id), `job ${id} to begin`),
    end: (id: string) => gate(id).resolve(),
  }
}

/** Of jobs that have ended nothing is left at any gate. */
async function expectNothingLeft(queue: string): Promise<void> {
  const none = { held: 0, permits: 0, ready: 0, leases: 0, scheduled: 0 }
  const left = async () => {
    const [row] = await db.rows(
      `select (select count(*)::int from trunkline.held h where h.queue_id = q.id) held,
        (select count(*)::int from trunkline.permit p where p.queue_id = q.id) permits,
        (select count(*)::int from trunkline.ready r where r.queue_id = q.id) ready,
        (select count(*)::int from trunkline.lease e where e.queue_id = q.id) leases,
        (select count(*)::int from trunkline.scheduled s where s.queue_id = q.id) scheduled
      from trunkline.queue q where q.name = $1`,
      [queue],
    )
    return row
  }
  await until(async () => JSON.stringify(await left()) === JSON.stringify(none), 'nothing to be left', 5000).catch(() => {})
  expect(await left()).toEqual(none)
}
const reasonOf = async (id: string) => (await trunkline.get(id)).reason
const waits = (id: string, reason: string) => until(async () => (await reasonOf(id)) === reason, `job ${id} to be ${reason}`)

describe('concurrency per key', () => {
  test('no more jobs of a key run at once than its limit says, on all workers together; others pass', async () => {
    const seen = witness()
    const { name, task, work } = await scene(({ input, job }) => seen.watch(input.key, job.id, () => turn()))
    await trunkline.setLimits(name, { concurrencyPerKey: 2 })
    const payloads = Array.from({ length: 60 }, (_, i) => ({ key: `${i % 3}` }))
    const jobs = await trunkline.enqueueMany(task, payloads, { concurrencyKey: ({ key }: any) => key })
    await work(10)
    await work(10)
    await results(jobs)
    expect(['0', '1', '2'].map(seen.most)).toEqual([2, 2, 2])
    await expectNothingLeft(name)
  })

  test('without a limit a key holds nobody up, and a limit that is set later counts those who run', async () => {
    const { begun, run, began, end } = stage()
    const { name, add, work } = await scene(run)
    await work()
    const a = await add(1, { concurrencyKey: 'k' })
    const b = await add(2, { concurrencyKey: 'k' })
    await began(a.id)
    await began(b.id)
    await trunkline.setLimits(name, { concurrencyPerKey: 2 })
    const c = await add(3, { concurrencyKey: 'k' })
    await waits(c.id, 'held')
    expect(begun).not.toContain(c.id)
    // lowered: nobody comes in before there are fewer than it says
    await trunkline.setLimits(name, { concurrencyPerKey: 1 })
    end(a.id)
    await a.result()
    await until(async () => (await trunkline.why(c.id)).heldBy?.length === 1)
    expect(await reasonOf(c.id)).toBe('held')
    end(b.id)
    await began(c.id)
    const d = await add(4, { concurrencyKey: 'k' })
    await waits(d.id, 'held')
    // raised, and taken away
    await trunkline.setLimits(name, { concurrencyPerKey: 2 })
    await began(d.id)
    const e = await add(5, { concurrencyKey: 'k' })
    await waits(e.id, 'held')
    await trunkline.setLimits(name, { concurrencyPerKey: null })
    await began(e.id)
    for (const job of [c, d, e]) end(job.id)
    await results([c, d, e])
    await expectNothingLeft(name)
  })

  test('a job that waits to be tried again, or is snoozed, gives its place to others', async () => {
    const { begun, run, began, end } = stage()
    const { name, add, work } = await scene(async (context) => {
      if (context.attempt === 1 && context.input === 'snooze' && !begun.includes(context.job.id)) {
        begun.push(context.job.id)
        throw new Snooze('1h')
      }
      await run(context)
    })
    await trunkline.setLimits(name, { concurrencyPerKey: 1 })
    await work()
    const first = await add('snooze', { concurrencyKey: 'k' })
    await waits(first.id, 'scheduled')
    const second = await add('x', { concurrencyKey: 'k' })
    await began(second.id)
    // it comes back, and waits like any other
    await trunkline.promote(first.id)
    await waits(first.id, 'held')
    end(second.id)
    end(first.id)
    await results([first, second])
    await expectNothingLeft(name)
  })

  test('of those that wait at a gate the better priority goes first, also when it is changed there', async () => {
    const { begun, run, began, end } = stage()
    const { name, add, work } = await scene(run)
    await trunkline.setLimits(name, { concurrencyPerKey: 1 })
    await work()
    const holder = await add(0, { concurrencyKey: 'k' })
    await began(holder.id)
    const low = await add(1, { concurrencyKey: 'k', priority: -5 })
    const middle = await add(2, { concurrencyKey: 'k' })
    const high = await add(3, { concurrencyKey: 'k', priority: 5 })
    for (const job of [low, middle, high]) await waits(job.id, 'held')
    expect((await trunkline.get(low.id)).priority).toBe(-5)
    await trunkline.update(low.id, { priority: 50 })
    expect((await trunkline.get(low.id)).priority).toBe(50)
    await waits(low.id, 'held')
    for (const job of [holder, low, high, middle]) {
      await began(job.id)
      end(job.id)
    }
    await results([holder, low, high, middle])
    expect(begun).toEqual([holder, low, high, middle].map((job) => job.id))
    await expectNothingLeft(name)
  })
})

describe('order per key', () => {
  test('jobs of a key begin one after another in their order, through failed tries and snoozes', async () => {
    const seen = witness()
    const snoozed = new Set<string>()
    const { name, task, work } = await scene(async ({ input, job, attempt }) => {
      await seen.watch(input.key, job.id, () => turn(1))
      if (input.i % 7 === 0 && !snoozed.has(job.id)) {
        snoozed.add(job.id)
        throw new Snooze(5)
      }
      if (input.i % 5 === 0 && attempt < 3) throw new Error('not yet')
    })
    const payloads = Array.from({ length: 80 }, (_, i) => ({ i, key: `${i % 4}` }))
    const jobs = await trunkline.enqueueMany(task, payloads, { orderingKey: ({ key }: any) => key })
    await work(10)
    await work(10)
    await results(jobs)
    for (const key of ['0', '1', '2', '3']) {
      expect(seen.most(key)).toBe(1)
      const asked = jobs.filter((_, i) => payloads[i]?.key === key).map((job) => job.id)
      const firsts = [...new Set(seen.begun.filter((id) => asked.includes(id)))]
      expect(firsts).toEqual(asked)
      // a job that has begun ends before the next of its key begins
      const began = seen.begun.filter((id) => asked.includes(id))
      expect(began).toEqual([...began].sort((a, b) => Number(a) - Number(b)))
    }
    await expectNothingLeft(name)
  })

  test('whatever their priorities, and however many lanes they come in by', async () => {
    const seen = witness()
    const { name, task, work } = await scene(({ job }) => seen.watch('k', job.id, () => turn(1)))
    const jobs = []
    for (let i = 0; i < 30; i++) jobs.push(await trunkline.enqueue(task, i, { orderingKey: 'k', priority: ((i * 37) % 200) - 100 }))
    await work(10)
    await results(jobs)
    expect(seen.begun).toEqual(jobs.map((job) => job.id))
    await expectNothingLeft(name)
  })

  test('a crash keeps the turn: the next of the key waits for the second try', async () => {
    const { begun, run, began, end } = stage()
    const { name, add, work } = await scene(run)
    const worker = await work()
    const first = await add(1, { orderingKey: 'k' })
    await began(first.id)
    const second = await add(2, { orderingKey: 'k' })
    await waits(second.id, 'held')
    // its worker is taken for dead: its jobs are taken over while it still runs them; one that beats at this moment is passed over
    const link = db.link('walk')
    await until(async () => (await recover(link, -60_000, 3, [Number(worker.id)])).workers.length === 1)
    await until(() => begun.length === 2, 'the first to begin again')
    expect(begun).toEqual([first.id, first.id])
    end(first.id)
    await began(second.id)
    end(second.id)
    await results([first, second])
    await expectNothingLeft(name)
  })

  test('a job that fails for good, is cancelled or deleted lets the next go', async () => {
    const { run, began, end } = stage()
    const { name, add, work } = await scene(async (context) => {
      if (context.input === 'fail') throw new Error('no')
      await run(context)
    }, 1)
    await work()
    const failing = await add('fail', { orderingKey: 'k' })
    const running = await add(1, { orderingKey: 'k' })
    await began(running.id)
    expect((await trunkline.get(failing.id)).state).toBe('failed')
    const [cancelled, deleted, last] = [
      await add(2, { orderingKey: 'k' }),
      await add(3, { orderingKey: 'k' }),
      await add(4, { orderingKey: 'k' }),
    ]
    for (const job of [cancelled, deleted, last]) await waits(job.id, 'held')
    expect(await trunkline.cancel(cancelled.id)).toBe('cancelled')
    await trunkline.delete(deleted.id)
    expect(await trunkline.cancel(running.id)).toBe('asked')
    await began(last.id)
    // a person's retry of an older one waits its turn, and is before younger ones
    const younger = await add(5, { orderingKey: 'k' })
    await waits(younger.id, 'held')
    await trunkline.retry(cancelled.id)
    await waits(cancelled.id, 'held')
    end(last.id)
    await began(cancelled.id)
    end(cancelled.id)
    await began(younger.id)
    end(younger.id)
    await younger.result()
    await expectNothingLeft(name)
  })
})

describe('rates', () => {
  test('of a key no more start than its bucket has tokens', async () => {
    const starts: { key: string; at: number }[] = []
    const { name, task, work } = await scene(({ input }) => {
      starts.push({ key: input.key, at: performance.now() })
    })
    await trunkline.setLimits(name, { ratePerKey: { limit: 50, per: '1s', burst: 5 } })
    const payloads = Array.from({ length: 120 }, (_, i) => ({ key: i % 2 ? 'a' : 'b' }))
    const since = performance.now()
    const jobs = await trunkline.enqueueMany(task, payloads, { rateKey: ({ key }: any) => key })
    await work(10)
    await work(10)
    await results(jobs)
    for (const key of ['a', 'b']) {
      const at = starts.filter((s) => s.key === key).map((s) => s.at)
      // the burst, and what has flowed in since: a start is seen later than its token was taken, so this holds on any machine
      for (const [k, time] of at.entries()) expect(k + 1).toBeLessThanOrEqual(5 + ((time - since) / 1000) * 50)
    }
    await expectNothingLeft(name)
  })

  test('of a queue as well; a new limit counts at once', async () => {
    const at: number[] = []
    const { name, task, work } = await scene(() => void at.push(performance.now()))
    await trunkline.setLimits(name, { rate: { limit: 1, per: '1h' } })
    const jobs = await trunkline.enqueueMany(task, new Array(40).fill(0))
    await work(10)
    await until(() => at.length === 1)
    expect((await trunkline.limits(name)).tokens).toBeLessThan(0.1)
    await trunkline.setLimits(name, { rate: { limit: 100, per: '1s', burst: 10 } })
    await results(jobs)
    expect(at.length).toBe(40)
    expect((at.at(-1) as number) - (at[1] as number)).toBeGreaterThan(200)
  })

  test('a job that is tried again takes a new token; one that is put back by a crash too', async () => {
    const tries: string[] = []
    const { name, add, work } = await scene(({ job, attempt }) => {
      tries.push(job.id)
      if (attempt === 1) throw new Error('again')
    })
    await trunkline.setLimits(name, { ratePerKey: { limit: 1, per: '1h', burst: 2 } })
    await work()
    const first = await add(1, { rateKey: 'k' })
    await first.result()
    expect(tries).toEqual([first.id, first.id])
    const second = await add(2, { rateKey: 'k' })
    await waits(second.id, 'held')
    expect(await trunkline.why(second.id)).toMatchObject({ cause: 'rate', key: 'k', limit: 1, ahead: 0 })
    await trunkline.setLimits(name, { ratePerKey: null })
    await second.result()
    await expectNothingLeft(name)
  })
})

describe('concurrency of a queue', () => {
  test('no more of its jobs run at once than its limit says, on all workers together', async () => {
    const seen = witness()
    const { name, task, work } = await scene(({ job }) => seen.watch('all', job.id, () => turn()))
    await trunkline.setLimits(name, { concurrency: 3 })
    const jobs = await trunkline.enqueueMany(task, new Array(60).fill(0))
    for (let i = 0; i < 3; i++) await work(5)
    await results(jobs)
    expect(seen.most('all')).toBe(3)
    await expectNothingLeft(name)
  })

  test('a place that comes free goes to whichever worker has room', async () => {
    const { begun, run, began, end } = stage()
    const { name, add, work } = await scene(run)
    await trunkline.setLimits(name, { concurrency: 1 })
    const one = await work(1)
    const first = await add(1)
    await began(first.id)
    await work(1)
    const second = await add(2)
    // the first worker ends with its job, and asks for no other
    const stopped = one.stop()
    end(first.id)
    await stopped
    await began(second.id)
    expect(begun).toEqual([first.id, second.id])
    end(second.id)
    await second.result()
  })
})

describe('together with', () => {
  test('all three keys: they are passed in the order ordering, concurrency, rate', async () => {
    const seen = witness()
    const { name, task, work } = await scene(({ input, job }) =>
      seen.watch(input.c, job.id, () => seen.watch(input.o, job.id, () => turn(1))),
    )
    await trunkline.setLimits(name, { concurrencyPerKey: 2, ratePerKey: { limit: 500, per: '1s', burst: 5 }, concurrency: 6 })
    const payloads = Array.from({ length: 120 }, (_, i) => ({ o: `o${i % 10}`, c: `c${i % 3}` }))
    const options = { orderingKey: (p: any) => p.o, concurrencyKey: (p: any) => p.c, rateKey: 'r' }
    const jobs = await trunkline.enqueueMany(task, payloads, options)
    await work(10)
    await work(10)
    await results(jobs)
    for (let i = 0; i < 10; i++) expect(seen.most(`o${i}`)).toBe(1)
    for (let i = 0; i < 3; i++) expect(seen.most(`c${i}`)).toBeLessThanOrEqual(2)
    await expectNothingLeft(name)
  })

  test('a completion in the handler’s own transaction: its place is free when that commits, and no gate is locked before', async () => {
    const { begun, began } = stage()
    const held = signal()
    const { name, add, work } = await scene(async ({ job, complete, input }) => {
      begun.push(job.id)
      if (input !== 'own') return
      const client = await db.client()
      await client.query('begin')
      await complete(client, 'mine')
      await held.promise
      await client.query('commit')
    })
    await work()
    const first = await add('own', { orderingKey: 'k', concurrencyKey: 'c' })
    await began(first.id)
    const second = await add('x', { orderingKey: 'k' })
    // others of the same concurrency key come and go meanwhile: nobody waits for that transaction
    await (await add('y', { concurrencyKey: 'c' })).result()
    await waits(second.id, 'held')
    held.resolve()
    expect(await first.result()).toBe('mine')
    await second.result()
    await expectNothingLeft(name)
  })

  test('unique keys, debounce, idempotency, templates, re-runs, flows and the SQL function', async () => {
    const { run, began, end } = stage()
    const { name, task, add, work } = await scene(run)
    await trunkline.setLimits(name, { concurrencyPerKey: 1 })
    await work()
    const keys = { concurrencyKey: 'k' }
    const holder = await add(0, keys)
    await began(holder.id)
    const unique = await add(1, { ...keys, uniqueKey: 'u', uniqueMode: 'replace' })
    await waits(unique.id, 'held')
    const replacing = await add(2, { ...keys, uniqueKey: 'u', uniqueMode: 'replace' })
    expect(replacing.made).toBe('replaced')
    expect((await trunkline.get(unique.id)).reason).toBe('replaced')
    const debounced = await add(3, { ...keys, uniqueKey: 'd', uniqueMode: 'debounce', uniqueWindow: 1 })
    const idempotent = await add(4, { ...keys, idempotencyKey: 'i' })
    expect((await add(4, { ...keys, idempotencyKey: 'i' })).id).toBe(idempotent.id)
    await expect(add(4, { concurrencyKey: 'other', idempotencyKey: 'i' })).rejects.toMatchObject({ code: 'idempotency_conflict' })
    const template = await trunkline.templates.create({ name: `${name}.t`, task: name, payload: 5, options: keys })
    const templated = await trunkline.enqueue(task, undefined as never, { templateId: template.id })
    const flow = await trunkline.flows.add({
      jobs: [
        { name: 'parent', task, payload: 6 },
        { name: 'child', task, payload: 7, dependsOn: ['parent'], ...keys },
      ],
    })
    const { parent, child } = flow.jobs as { [name in 'parent' | 'child']: Job }
    await began(parent.id)
    const [sql] = await db.rows(`select trunkline.enqueue($1, '8', concurrency_key => 'k')::text id`, [name])
    for (const id of [replacing.id, debounced.id, idempotent.id, templated.id, sql.id]) {
      await waits(id, 'held')
      expect((await trunkline.get(id)).concurrencyKey).toBe('k')
    }
    expect((await trunkline.get(child.id)).state).toBe('blocked')
    end(parent.id)
    await waits(child.id, 'held')
    end(holder.id)
    await holder.result()
    const again = await trunkline.rerun(holder.id)
    expect((await trunkline.get(again.id)).concurrencyKey).toBe('k')
    await waits(again.id, 'held')
    const found = await trunkline.search({ q: `state:held queue:${name}` })
    expect(found.jobs.length).toBeGreaterThanOrEqual(6)
    expect((await trunkline.list({ queue: name, reason: 'held' })).map((job) => job.id).sort()).toEqual(
      found.jobs.map((job) => job.id).sort(),
    )
    expect((await trunkline.queues()).find((q) => q.queue === name)).toMatchObject({ held: found.jobs.length, running: 1 })
    for (const id of [replacing.id, debounced.id, idempotent.id, templated.id, sql.id, child.id, again.id]) end(id)
    await results([replacing, debounced, idempotent, templated, child, again, trunkline.job(sql.id)])
    await expectNothingLeft(name)
  })

  test('another queue: a job that is moved passes the gates of that one', async () => {
    const { run, began, end } = stage()
    const from = await scene(run)
    const to = await scene(run)
    await trunkline.setLimits(from.name, { concurrencyPerKey: 1 })
    await from.work()
    const holder = await from.add(0, { concurrencyKey: 'k', orderingKey: 'a' })
    await began(holder.id)
    const moved = await from.add(1, { concurrencyKey: 'k', orderingKey: 'b' })
    const next = await from.add(2, { orderingKey: 'b' })
    for (const job of [moved, next]) await waits(job.id, 'held')
    await trunkline.update(moved.id, { queue: to.name })
    // nobody of the new queue has its key, and in the old one its turn is the next one's
    await trunkline.work([from.task], { queues: [to.name], keeper: false }).then((worker) => workers.push(worker))
    await began(moved.id)
    await began(next.id)
    for (const job of [holder, moved, next]) end(job.id)
    await results([holder, moved, next])
    await expectNothingLeft(from.name)
    await expectNothingLeft(to.name)
  })

  test('an undone cancellation: the job waits at its gate again, with the place of its number', async () => {
    const { begun, run, began, end } = stage()
    const { name, add, work } = await scene(run)
    await work()
    const jobs = []
    for (let i = 0; i < 4; i++) jobs.push(await add(i, { orderingKey: 'k' }))
    const [first, second, third, fourth] = jobs as [any, any, any, any]
    await began(first.id)
    await waits(fourth.id, 'held')
    const report = await trunkline.bulk('cancel', { ids: [second.id, third.id] }, { undoable: true })
    const undone = await trunkline.undoBulk(report.bulkId as string)
    expect(undone.results.map((r) => r.ok)).toEqual([true, true])
    for (const job of [second, third]) await waits(job.id, 'held')
    for (const job of [first, second, third, fourth]) {
      await began(job.id)
      end(job.id)
    }
    await results(jobs)
    expect(begun).toEqual(jobs.map((job) => job.id))
    await expectNothingLeft(name)
  })

  test('a pause: nobody comes in, and afterwards all do', async () => {
    const { name, task, work } = await scene(() => 1)
    await trunkline.pause(name)
    const jobs = await trunkline.enqueueMany(task, new Array(20).fill(0), { orderingKey: 'k' })
    await work()
    expect(await reasonOf(jobs[0]?.id as string)).toBe('paused')
    await trunkline.resume(name)
    await results(jobs)
    await expectNothingLeft(name)
  })

  test('a pause by a handler that was told to come later', async () => {
    let told = 0
    const { name, add, work } = await scene(async ({ pauseQueue }) => {
      if (told++ > 0) return
      await pauseQueue({ for: '1h', reason: 'the mail service answers 429' })
      throw new Snooze(1)
    })
    await work()
    const job = await add(1)
    const paused = await until(async () => (await trunkline.queues()).find((q) => q.queue === name)?.paused)
    expect(paused).toMatchObject({ reason: 'the mail service answers 429', by: `job ${job.id}` })
    expect((paused.until as Date).getTime()).toBeGreaterThan(Date.now() + 3_500_000)
    const other = await add(2)
    expect(await trunkline.why(other.id)).toMatchObject({ reason: 'paused', by: `job ${job.id}`, note: 'the mail service answers 429' })
    await trunkline.resume(name)
    await results([job, other])
    // a pause of a person that does not end by itself is not shortened by a job
    await trunkline.pause(name, { by: 'anna' })
    await db.rows('select 1')
    const { pauseByJob } = await import('../jobs/pause.ts')
    await pauseByJob(db.open(), name, '1', { for: 1000 })
    expect((await trunkline.queues()).find((q) => q.queue === name)?.paused).toMatchObject({ by: 'anna', until: null })
    await trunkline.resume(name)
  })
})

describe('why', () => {
  test('says which limit, who has it, what is before it, and what ends the wait', async () => {
    const { run, began, end } = stage()
    const { name, add, work } = await scene(run)
    await trunkline.setLimits(name, { concurrencyPerKey: 1 })
    await work(20)
    const said = async (id: string) => {
      const answer = await trunkline.why(id)
      expect(answer.sentence).toMatch(/^[A-Z0-9].*\.$/)
      expect(answer.sentence).not.toMatch(/null|undefined|%/)
      return answer
    }
    const holder = await add(1, { concurrencyKey: 'acme' })
    const first = await add(2, { orderingKey: 'file' })
    await began(holder.id)
    await began(first.id)
    const [second, third, fourth] = [
      await add(3, { concurrencyKey: 'acme' }),
      await add(4, { concurrencyKey: 'acme' }),
      await add(5, { orderingKey: 'file' }),
    ]
    for (const job of [second, third, fourth]) await waits(job.id, 'held')
    expect(await said(second.id)).toMatchObject({
      state: 'pending',
      reason: 'held',
      cause: 'concurrency',
      key: 'acme',
      limit: 1,
      heldBy: [holder.id],
      ahead: 0,
    })
    const late = await said(third.id)
    expect(late.ahead).toBe(1)
    expect(late.sentence).toBe(
      `Of the concurrency key "acme" at most 1 jobs run at once; jobs ${holder.id} do, and 1 are before it. It starts when one of them ends.`,
    )
    expect(await said(fourth.id)).toMatchObject({
      cause: 'ordering',
      key: 'file',
      heldBy: [first.id],
      sentence: expect.stringContaining(`job ${first.id} has its turn (it runs)`),
    })
    await trunkline.pause(name)
    expect((await said(fourth.id)).sentence).toContain(`Besides, queue ${name} is paused.`)
    await trunkline.resume(name)
    expect(await trunkline.gates(name)).toEqual([
      { kind: 'concurrency', key: 'acme', heldBy: [holder.id], held: 2, nextAt: null },
      { kind: 'ordering', key: 'file', heldBy: [first.id], held: 1, nextAt: null },
    ])
    // the limits of the queue
    await trunkline.setLimits(name, { concurrency: 2 })
    const full = await add(6)
    expect(await said(full.id)).toMatchObject({
      reason: 'due',
      cause: 'queue_concurrency',
      limit: 2,
      busy: 2,
      heldBy: [holder.id, first.id],
    })
    await trunkline.setLimits(name, { concurrency: null, rate: { limit: 1, per: '1h' } })
    await began(full.id)
    const slow = await add(7)
    const answer = await said(slow.id)
    expect(answer).toMatchObject({ reason: 'due', cause: 'queue_rate', limit: 1 })
    expect(Date.parse(answer.until as string) - Date.now()).toBeGreaterThan(3_400_000)
    await trunkline.setLimits(name, { rate: null })
    await began(slow.id)
    for (const job of [holder, first, second, third, fourth, full, slow]) end(job.id)
    await results([holder, first, second, third, fourth, full, slow])
    await expectNothingLeft(name)
  })
})

describe('limits themselves', () => {
  test('hold for what is enqueued after they were set, although a claim was on its way', async () => {
    const { run, begun, began, end } = stage()
    const { name, add, work } = await scene(run)
    await trunkline.setLimits(name, { concurrencyPerKey: 1 })
    const holder = await add(1, { concurrencyKey: 'acme' })
    await work(20)
    await began(holder.id)
    const held = await add(2, { concurrencyKey: 'acme' })
    await until(async () => (await trunkline.why(held.id)).reason === 'held', 'the second of the key to wait')
    // a claim has looked at the limits, and waits for the gate before it takes anything
    const other = await db.client()
    await other.query('begin')
    await other.query(
      `select from trunkline.gate where key = 'acme' and queue_id = (select id from trunkline.queue where name = $1) for update`,
      [name],
    )
    end(holder.id)
    await until(
      async () =>
        (await db.rows(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length > 0,
      'the claim to wait',
    )
    await trunkline.setLimits(name, { rate: { limit: 1, per: '1h' } })
    const jobs = await trunkline.enqueueMany(name, [3, 4, 5])
    await other.query('rollback')
    await other.end()
    await until(() => begun.length > 1, 'a job to begin')
    const waiting = [held, ...jobs].filter((job) => !begun.includes(job.id))
    expect(await trunkline.why(waiting.at(-1)?.id ?? '')).toMatchObject({ cause: 'queue_rate' })
    expect(begun).toHaveLength(2)
    await trunkline.setLimits(name, { rate: null })
    for (const job of [held, ...jobs]) end(job.id)
    await results([held, ...jobs])
  })

  test('are read as they were set, and what is not said stays', async () => {
    const { name } = await scene(() => 1)
    await trunkline.setLimits(name, { concurrency: 50, rate: { limit: 600, per: '1m' }, ratePerKey: { limit: 3, per: '1m' } })
    await trunkline.setLimits(name, { concurrencyPerKey: 2 })
    expect(await trunkline.limits(name)).toEqual({
      queue: name,
      concurrency: 50,
      rate: { limit: 600, perMs: 60_000, burst: 10 },
      concurrencyPerKey: 2,
      ratePerKey: { limit: 3, perMs: 60_000, burst: 1 },
      running: 0,
      tokens: 10,
      held: 0,
    })
    await trunkline.setLimits(name, { rate: null, concurrency: null })
    expect(await trunkline.limits(name)).toMatchObject({ concurrency: null, rate: null, tokens: null, running: null, concurrencyPerKey: 2 })
    expect((await trunkline.listLimits()).map((l) => l.queue)).toContain(name)
  })

  test.each([
    [{}, 'invalid_option', 'limits'],
    [{ concurrency: 0 }, 'invalid_option', 'concurrency'],
    [{ concurrency: 1.5 }, 'invalid_option', 'concurrency'],
    [{ concurrencyPerKey: '5' }, 'invalid_option', 'concurrencyPerKey'],
    [{ rate: 5 }, 'invalid_option', 'rate'],
    [{ rate: { limit: 5 } }, 'invalid_duration', 'rate.per'],
    [{ rate: { limit: 5, per: 1 } }, 'invalid_option', 'rate.per'],
    [{ ratePerKey: { limit: 5, per: '1s', brust: 2 } }, 'unknown_option', 'brust'],
    [{ concurency: 5 }, 'unknown_option', 'concurency'],
  ])('%j is refused', async (limits, code, field) => {
    const { name } = await scene(() => 1)
    await expect(trunkline.setLimits(name, limits as never)).rejects.toMatchObject({ code, field })
  })

  test('a queue that nobody knows, and keys that cannot be', async () => {
    await expect(trunkline.setLimits('nowhere', { concurrency: 1 })).rejects.toMatchObject({ code: 'unknown_queue' })
    await expect(trunkline.limits('nowhere')).rejects.toMatchObject({ code: 'unknown_queue' })
    const { add } = await scene(() => 1)
    for (const name of ['orderingKey', 'concurrencyKey', 'rateKey'])
      for (const value of ['', 'x'.repeat(501), 7, 'a\0b'])
        await expect(add(1, { [name]: value })).rejects.toMatchObject({ code: 'invalid_option', field: name })
    await expect(db.rows(`select trunkline.enqueue($1, '1', ordering_key => '')`, [`gates${numbered}`])).rejects.toMatchObject({
      code: 'TL400',
      column: 'ordering_key',
    })
  })

  test('what was changed by hand is put right by the keeper, and keys that nobody uses are forgotten', async () => {
    const { run, began, end } = stage()
    const { name, add, work } = await scene(run)
    const first = await add(1, { orderingKey: 'k' })
    const worker = await work()
    await began(first.id)
    const second = await add(2, { orderingKey: 'k' })
    await waits(second.id, 'held')
    // somebody takes its place away, as a restored table would
    await worker.stop()
    await db.rows(`delete from trunkline.permit where job_id = $1`, [first.id])
    await db.rows(`delete from trunkline.knock`)
    const [swept] = await db.rows('select * from trunkline.sweep_gates(100)')
    expect(swept).toMatchObject({ knocked: 1, forgotten: 0 })
    await work()
    end(first.id)
    await began(second.id)
    end(second.id)
    await results([first, second])
    await expectNothingLeft(name)
    await db.rows(`update trunkline.gate set made_at = made_at - interval '2 hours'`)
    const [forgotten] = await db.rows('select * from trunkline.sweep_gates(100)')
    expect(forgotten.forgotten).toBeGreaterThan(0)
    expect(await trunkline.gates(name)).toEqual([])
    const third = await add(3, { orderingKey: 'k' })
    end(third.id)
    await third.result()
  })
})
