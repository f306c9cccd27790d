import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { workerScene } from '../../../../test/support/worker-scene.ts'
import { type BatchContext, defineTask, type TaskContext } from '../jobs/define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()

function batchScene() {
  const scene = workerScene(trunkline)
  const batch = (runBatch: (context: BatchContext<any>) => any, options: object = {}) =>
    defineTask(`${scene.queue}.batch`, { queue: scene.queue, runBatch, ...options })
  return { ...scene, batch }
}
const fixed = { curve: 'fixed', delay: 5 } as const
const ids = (jobs: { id: string }[]) => jobs.map((j) => j.id)

describe('a batch', () => {
  test('takes up to its size in one call, one slot, and its array is the results in their order', async () => {
    const { batch, work } = batchScene()
    const sizes: number[] = []
    const double = batch(
      ({ jobs }) => {
        sizes.push(jobs.length)
        return jobs.map((j) => j.input * 2)
      },
      { batch: { size: 10 }, input: z.number() },
    )
    const jobs = await trunkline.enqueueMany(
      double,
      Array.from({ length: 35 }, (_, i) => i),
    )
    const worker = await work([double], { concurrency: 1 })
    expect(await Promise.all(jobs.map((j) => j.result()))).toEqual(jobs.map((_, i) => 2 * i))
    expect(Math.max(...sizes)).toBe(10)
    expect(sizes.length).toBeLessThanOrEqual(5)
    await worker.stop()
  })

  test('ends each job by itself: completed, failed, snoozed, and completed without a result when nothing was said', async () => {
    const { batch, work } = batchScene()
    const seen = new Map<string, number>()
    const mixed = batch(
      async ({ jobs }) => {
        for (const item of jobs) {
          seen.set(item.job.id, item.attempt)
          item.log.info(`looked at ${item.input}`)
          if (item.input === 'good') item.complete({ ok: true })
          if (item.input === 'good') item.fail(new Error('too late'))
          if (item.input === 'bad') item.fail(new Error('bad one'))
          if (item.input === 'later' && !naps.has(item.job.id)) {
            naps.add(item.job.id)
            item.snooze(20)
          }
        }
      },
      { batch: { size: 10 }, retry: { attempts: 2, backoff: fixed } },
    )
    const naps = new Set<string>()
    const [good, bad, later, silent] = await trunkline.enqueueMany(mixed, ['good', 'bad', 'later', 'silent'])
    const worker = await work([mixed])
    expect(await good?.result()).toEqual({ ok: true })
    await expect(bad?.result()).rejects.toMatchObject({ cause: { message: 'bad one', reason: 'attempts_used' } })
    expect(await silent?.result()).toBeNull()
    expect(await later?.result()).toBeNull()
    expect(await later?.get()).toMatchObject({ attempt: 1 })
    expect(await bad?.get()).toMatchObject({ attempt: 2, error: { fingerprint: expect.any(String) } })
    expect((await trunkline.logs(bad?.id as string)).map((l) => l.message)).toContain('looked at bad')
    await worker.stop()
  })

  test('that throws fails what is not settled, each by its own allowance', async () => {
    const { batch, work } = batchScene()
    const broken = batch(
      ({ jobs }) => {
        jobs[0]?.complete('first')
        throw new Error('the call broke')
      },
      { batch: { size: 3 }, retry: { attempts: 3, backoff: fixed } },
    )
    const worker = await work([broken], { concurrency: 1 })
    const gate = signal()
    const jobs = await trunkline.enqueueMany(broken, ['a', 'b', 'c'], { maxAttempts: 1 })
    gate.resolve()
    const ends = await Promise.all(jobs.map((j) => j.result().catch((e) => e.cause.message)))
    expect(ends.sort()).toEqual(['first', 'the call broke', 'the call broke'])
    await worker.stop()
  })

  test('a payload that its schema refuses fails alone', async () => {
    const { batch, work } = batchScene()
    const strict = batch(({ jobs }) => jobs.map((j) => j.input.n), { input: z.object({ n: z.number() }) })
    await trunkline.enqueue(strict, { n: 0 })
    const good = await trunkline.enqueue(strict, { n: 7 })
    const bad = await trunkline.enqueue(strict.name, { n: 'x' })
    const worker = await work([strict])
    expect(await good.result()).toBe(7)
    await expect(bad.result()).rejects.toMatchObject({ cause: { code: 'invalid_payload', reason: 'fatal' } })
    await worker.stop()
  })

  test('one job of it is cancelled: only that one is told, the others go on', async () => {
    const { batch, work, of } = batchScene()
    const gate = signal()
    const told: string[] = []
    const long = batch(async ({ jobs, signal: whole }) => {
      whole.addEventListener('abort', () => told.push('all'))
      for (const item of jobs) item.signal.addEventListener('abort', () => told.push(`${item.job.id} ${item.signal.reason.code}`))
      await gate.promise
      return jobs.map(() => 'done')
    })
    const [one, other] = await trunkline.enqueueMany(long, [1, 2])
    const worker = await work([long])
    await until(() => worker.running === 2)
    expect(await trunkline.cancel(one?.id as string)).toBe('asked')
    await expect(one?.result()).rejects.toMatchObject({ code: 'cancelled' })
    expect(told).toEqual([`${one?.id} cancelled`])
    gate.resolve()
    expect(await other?.result()).toBe('done')
    expect(of('handler_stuck')).toEqual([])
    await worker.stop()
  })

  test('whose call takes too long is told to end, and each open job is a failed try', async () => {
    const { batch, work } = batchScene()
    const reasons: string[] = []
    const slow = batch(
      async ({ jobs, signal: whole }) => {
        jobs[0]?.complete('in time')
        await new Promise((_, reject) => whole.addEventListener('abort', () => reject(whole.reason)))
      },
      { timeout: 60, retry: { attempts: 1 } },
    )
    const jobs = await trunkline.enqueueMany(slow, [1, 2, 3])
    const worker = await work([slow])
    for (const job of jobs) reasons.push(String(await job.result().catch((e: any) => e.cause.reason)))
    expect(reasons.sort()).toEqual(['in time', 'timeout', 'timeout'])
    await worker.stop()
  })

  test('whose handler ignores its end is abandoned past the grace, its slot freed, and the worker replaced', async () => {
    const { batch, work, of } = batchScene()
    const replaced = signal()
    const deaf = batch(() => new Promise(() => {}), { timeout: 30, retry: { attempts: 1 } })
    const jobs = await trunkline.enqueueMany(deaf, [1, 2])
    await work([deaf], { concurrency: 1, stuck: 'replace', onReplace: () => replaced.resolve() })
    for (const job of jobs) await expect(job.result()).rejects.toMatchObject({ cause: { code: 'timeout' } })
    await replaced.promise
    expect(of('handler_stuck')).toHaveLength(1)
  })

  test('is handed back whole by a stop, without spending an attempt', async () => {
    const { batch, work } = batchScene()
    const endless = batch(({ signal: whole }) => new Promise((_, reject) => whole.addEventListener('abort', () => reject(whole.reason))))
    const jobs = await trunkline.enqueueMany(endless, [1, 2, 3])
    const worker = await work([endless], { drainMs: 50 })
    await until(() => worker.running === 3)
    await worker.stop()
    for (const job of jobs) expect(await job.get()).toMatchObject({ state: 'pending', attempt: 0 })
  })

  test('is reported by the heartbeat with every job id, and a lost one hears lease_lost for each', async () => {
    const { batch, work, of, queue } = batchScene()
    const gate = signal()
    const reasons: string[] = []
    const hold = batch(async ({ jobs }) => {
      for (const item of jobs) item.signal.addEventListener('abort', () => reasons.push(item.signal.reason.code))
      await gate.promise
    })
    const jobs = await trunkline.enqueueMany(hold, [1, 2, 3, 4])
    const worker = await work([hold], { concurrency: 2, graceMs: 5000 })
    const view = await until(async () => (await trunkline.workers()).find((w) => w.name === queue && w.running.length === 4))
    expect(view.running.sort()).toEqual(ids(jobs).sort())
    await db.rows('begin; delete from trunkline.lease; delete from trunkline.worker; commit')
    await until(() => of('worker_lost').length > 0)
    await until(() => reasons.length === 4)
    expect(new Set(reasons)).toEqual(new Set(['lease_lost']))
    gate.resolve()
    await until(() => of('job_ended').length === 4)
    expect(await db.rows('select from trunkline.outcome where id = any($1)', [ids(jobs)])).toEqual([])
    await worker.stop()
  })

  test('runs beside ordinary tasks of the same worker', async () => {
    const { batch, task, work } = batchScene()
    const many = batch(({ jobs }) => jobs.map((j) => -j.input), { batch: { size: 20 } })
    const single = task(({ input }) => input)
    const worker = await work([many, single], { concurrency: 2 })
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? trunkline.enqueue(many, i) : trunkline.enqueue(single, i))),
    )
    expect(await Promise.all(all.map((j) => j.result()))).toEqual(all.map((_, i) => (i % 2 ? -i : i)))
    await worker.stop()
  })
})

describe('middleware', () => {
  test('runs around each handler call in order, sees and changes what it gives, for single jobs and batches', async () => {
    const { batch, task, work } = batchScene()
    const seen: string[] = []
    const around = (name: string) => async (context: TaskContext<unknown> | BatchContext<unknown>, next: () => Promise<unknown>) => {
      seen.push(`${name} > ${'jobs' in context ? `${context.jobs.length} jobs` : context.input}`)
      const value = await next()
      seen.push(`${name} <`)
      return Array.isArray(value) ? value : { [name]: value }
    }
    const single = task(({ input }) => input)
    const pair = batch(({ jobs }) => jobs.map((j) => j.input))
    const worker = await work([single, pair], { middleware: [around('outer'), around('inner')] })
    expect(await (await trunkline.enqueue(single, 'x')).result()).toEqual({ outer: { inner: 'x' } })
    expect(seen).toEqual(['outer > x', 'inner > x', 'inner <', 'outer <'])
    expect(await (await trunkline.enqueue(pair, 'y')).result()).toBe('y')
    expect(seen.slice(4)).toEqual(['outer > 1 jobs', 'inner > 1 jobs', 'inner <', 'outer <'])
    await worker.stop()
  })

  test('what it throws is the error of the handler, and one that calls next twice is told', async () => {
    const { task, work } = batchScene()
    const job = task(() => 'ran', { retry: { attempts: 1 } })
    const refusing = await work([job], {
      middleware: [
        async (context: TaskContext<unknown>, next: () => Promise<unknown>) => {
          if (context.input === 'twice') await next()
          if (context.input === 'no') throw new Error('not today')
          return await next()
        },
      ],
    })
    await expect((await trunkline.enqueue(job, 'no')).result()).rejects.toMatchObject({ cause: { message: 'not today' } })
    await expect((await trunkline.enqueue(job, 'twice')).result()).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/twice/) },
    })
    expect(await (await trunkline.enqueue(job, 'yes')).result()).toBe('ran')
    await refusing.stop()
    await expect(trunkline.work([job], { middleware: ['x' as never] })).rejects.toMatchObject({ field: 'middleware[0]' })
  })
})

test.each([
  [{}, 'run'],
  [{ run: () => {}, runBatch: () => {} }, 'runBatch'],
  [{ run: () => {}, batch: { size: 5 } }, 'batch'],
  [{ runBatch: 'x' }, 'runBatch'],
  [{ runBatch: () => {}, batch: { size: 0 } }, 'batch.size'],
  [{ runBatch: () => {}, batch: { size: 1001 } }, 'batch.size'],
  [{ runBatch: () => {}, batch: 5 }, 'batch'],
])('the handler options %j are refused with the field %s', (options, field) => {
  expect(() => defineTask('x', options as never)).toThrow(expect.objectContaining({ code: 'invalid_option', field }))
})
