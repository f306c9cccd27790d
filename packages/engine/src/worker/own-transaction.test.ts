import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { startProgram } from '../../../../test/support/programs.ts'
import { workerScene as anyScene } from '../../../../test/support/worker-scene.ts'
import { defineTask, type TaskContext } from '../jobs/define-task.ts'
import { type Recovered, recover } from '../jobs/recover.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const link = db.link('walk')

/** Without a keeper: the tests themselves say when somebody is given up. */
function workerScene(of: typeof trunkline) {
  const scene = anyScene(of)
  return { ...scene, work: ((tasks, options) => scene.work(tasks, { keeper: false, ...options })) as typeof scene.work }
}
const effects = async (id: string) => (await db.rows('select attempt from effect where job = $1 order by 1', [id])).map((r) => r.attempt)
const clients: pg.Client[] = []

beforeAll(() => db.rows('create table effect(job bigint, attempt int)'))
afterAll(() => Promise.all(clients.map((c) => c.end().catch(() => {}))))

async function begun(): Promise<pg.Client> {
  const client = await db.client()
  clients.push(client)
  await client.query('begin')
  return client
}
/** Takes a worker for dead; a beat that was on its way meanwhile does not save it. */
async function giveUp(id: string, running: unknown[] = []): Promise<Recovered> {
  return await until(async () => {
    await db.rows(`update trunkline.worker set beat = now() - interval '1 minute', running = $2 where id = $1`, [id, running])
    const found = await recover(link, 30_000, 3)
    return found.workers.length > 0 ? found : null
  })
}
const write = (client: pg.Client, { job, attempt }: TaskContext<unknown>) =>
  client.query('insert into effect values ($1, $2)', [job.id, attempt])

describe('completion in the transaction of the handler', () => {
  test('the effect and the end are there together; the ordinary end that follows is quiet', async () => {
    const { task, work, of } = workerScene(trunkline)
    const pay = task(async (context) => {
      context.log.info('before')
      const client = await begun()
      await write(client, context)
      await context.complete(client, { paid: 5 })
      context.log.info('after')
      expect((await trunkline.get(context.job.id)).state).toBe('running')
      await client.query('commit')
      return { ignored: true }
    })
    const worker = await work([pay])
    const job = await trunkline.enqueue(pay, {})
    expect(await job.result()).toEqual({ paid: 5 })
    await until(() => of('job_ended').length === 1)
    expect(await effects(job.id)).toEqual([1])
    expect(await job.get()).toMatchObject({ state: 'completed', attempt: 1 })
    // what is said after the completion has no lease to be stored under
    expect((await trunkline.logs(job.id)).map((l) => l.message)).toEqual(['before'])
    expect(of('job_ended')).toMatchObject([{ how: 'completed' }])
    expect(of('lease_lost')).toEqual([])
    const { durationMs, waitMs } = await job.get()
    expect(durationMs).toBeGreaterThanOrEqual(0)
    expect(waitMs).toBeGreaterThanOrEqual(-5)
    await worker.stop()
    expect(await db.rows('select from trunkline.lease')).toEqual([])
  })

  test('rolled back and thrown, it is a failed try like any other, with all it said', async () => {
    const { task, work } = workerScene(trunkline)
    const pay = task(
      async (context) => {
        const client = await begun()
        await write(client, context)
        await context.complete(client, 'never')
        context.log.info('after')
        await client.query('rollback')
        if (context.attempt === 1) throw new Error('changed my mind')
        return 'in the ordinary way'
      },
      { retry: { attempts: 2, backoff: { curve: 'fixed', delay: 5 } } },
    )
    const worker = await work([pay])
    const job = await trunkline.enqueue(pay, {})
    const keeper = trunkline.keeper()
    await until(async () => {
      await keeper.runOnce()
      return (await job.get()).state === 'completed'
    })
    expect(await job.result()).toBe('in the ordinary way')
    expect(await effects(job.id)).toEqual([])
    expect(await job.get()).toMatchObject({ state: 'completed', attempt: 2 })
    expect((await trunkline.logs(job.id)).map((l) => l.message)).toEqual(['after', 'attempt 1 failed: changed my mind', 'after'])
    await worker.stop()
  })

  test('rolled back and returned without a value, the job is completed with the result that was given', async () => {
    const { task, work } = workerScene(trunkline)
    const pay = task(async ({ complete }) => {
      const client = await begun()
      await complete(client, 'given')
      await client.query('rollback')
    })
    const worker = await work([pay])
    expect(await (await trunkline.enqueue(pay, {})).result()).toBe('given')
    await worker.stop()
  })

  test('an open transaction holds up no other job of the same claim, and its handler may return before it ends', async () => {
    const { task, work } = workerScene(trunkline)
    const gate = signal<pg.Client>()
    const mixed = task(async (context) => {
      if (context.input !== 'open') {
        context.log.info('quick')
        return 'quick'
      }
      const client = await begun()
      await context.complete(client, 'slowly')
      gate.resolve(client)
      return 'returned'
    })
    const jobs = await trunkline.enqueueMany(mixed, ['open', ...new Array(20).fill('quick')])
    const worker = await work([mixed], { concurrency: 21 })
    const client = await gate.promise
    const [open, ...others] = jobs
    expect(await Promise.all(others.map((j) => j.result()))).toEqual(others.map(() => 'quick'))
    expect((await open?.get())?.state).toBe('running')
    await client.query('commit')
    expect(await open?.result()).toBe('slowly')
    await worker.stop()
  })

  test('a zombie cannot commit: the job was taken over, and its transaction is broken', async () => {
    const { task, work, of } = workerScene(trunkline)
    const gate = signal()
    const outcomes: unknown[] = []
    const pay = task(async (context) => {
      if (context.attempt > 1) return 'second'
      const client = await begun()
      await write(client, context)
      await gate.promise
      outcomes.push(await context.complete(client).catch((e) => e.code))
      outcomes.push((await client.query('commit')).command)
      return 'zombie'
    })
    const job = await trunkline.enqueue(pay, {})
    const zombie = await work([pay], { heartbeatMs: 60_000, graceMs: 5000 })
    await until(() => zombie.running === 1)
    await giveUp(zombie.id)
    gate.resolve()
    // the job ends for the worker as soon as its lease is known to be lost; the handler's own commit comes a moment later
    await until(() => of('job_ended').length > 0 && outcomes.length === 2)
    expect(outcomes).toEqual(['lease_lost', 'ROLLBACK'])
    expect(await effects(job.id)).toEqual([])
    await zombie.stop()
    const heir = await work([pay])
    expect(await job.result()).toBe('second')
    await heir.stop()
  })

  test('a kill between the commit and the return leaves the effect once; a kill before the commit leaves none', async () => {
    const pay = defineTask('own.pay', { queue: 'own-process', run: () => 'later' })
    const fixture = new URL('./own-transaction-fixture.mts', import.meta.url)
    const die = async (when: string) => {
      const child = startProgram(fixture, { DATABASE_URL: db.url, DIE: when }, ['ignore', 'ignore', 'inherit'])
      await until(() => child.signalCode === 'SIGKILL')
      await db.rows(`update trunkline.worker set beat = '-infinity'`)
      // the server rolls the transaction of a killed process back as soon as it sees that it is gone
      await until(async () => {
        await recover(link, 30_000, 3)
        return (await db.rows('select from trunkline.lease')).length === 0
      })
    }
    const before = await trunkline.enqueue(pay, {})
    await die('before')
    expect(await effects(before.id)).toEqual([])
    expect(await before.get()).toMatchObject({ state: 'pending', attempt: 1 })
    await trunkline.cancel(before.id)
    const after = await trunkline.enqueue(pay, {})
    await die('after')
    expect(await effects(after.id)).toEqual([1])
    expect(await after.result()).toEqual({ paid: 1 })
    expect(await after.get()).toMatchObject({ state: 'completed', attempt: 1 })
  })

  test('the result is checked before anything is written', async () => {
    const { task, work } = workerScene(trunkline)
    const pay = task(
      async ({ complete }) => {
        const client = await begun()
        await complete(client, 1n)
      },
      { retry: { attempts: 1 } },
    )
    const worker = await work([pay])
    await expect((await trunkline.enqueue(pay, {})).result()).rejects.toMatchObject({ cause: { code: 'payload_not_json' } })
    await worker.stop()
  })
})

describe('the fence in the SQL of a handler', () => {
  test('holds while the execution has the job, and gives it a lease of its own', async () => {
    const { task, work } = workerScene(trunkline)
    const careful = task(async (context) => {
      const before = context.job.leaseId
      const client = await begun()
      await context.assertLease(client)
      await context.assertLease(client)
      context.log.info('while it holds')
      await write(client, context)
      await client.query('commit')
      return { moved: context.job.leaseId !== before }
    })
    const jobs = await trunkline.enqueueMany(careful, [1, 2, 3])
    const worker = await work([careful], { concurrency: 3 })
    // the last one was alone by then
    const moved = await Promise.all(jobs.map(async (job) => ((await job.result()) as { moved: boolean }).moved))
    expect(moved.filter(Boolean)).toHaveLength(2)
    for (const { id } of jobs) {
      expect(await effects(id)).toEqual([1])
      expect((await trunkline.logs(id)).map((l) => l.message)).toEqual(['while it holds'])
    }
    await worker.stop()
    expect(await db.rows('select from trunkline.lease')).toEqual([])
  })

  test('lines that are stored while a job ends are no open transaction: its end is stored', async () => {
    const { task, work, of } = workerScene(trunkline)
    const pool = db.open()
    const chatty = task(async (context) => {
      await pool.transaction(async (tx) => {
        await context.assertLease(tx)
        await tx.query('insert into effect values ($1, $2)', [context.job.id, context.attempt])
      })
      context.log.info('it is written')
    })
    const jobs = await trunkline.enqueueMany(chatty, Array(400).fill({}))
    const worker = await work([chatty], { concurrency: 20 })
    await until(() => of('job_ended').length === jobs.length)
    expect(new Set(of('job_ended').map(({ how }) => how))).toEqual(new Set(['completed']))
    await worker.stop()
    expect(await db.rows('select from trunkline.lease')).toEqual([])
    const [row] = await db.rows('select count(*)::int n from effect where job >= $1', [jobs[0]?.id])
    expect(row.n).toBe(jobs.length)
  })

  test('raises TL409 lease_lost in plain SQL, under the role for producers too', async () => {
    await db.rows(`set role trunkline_producer`)
    await expect(db.rows('select trunkline.assert_lease(1, 999999)')).rejects.toMatchObject({ code: 'TL409', detail: 'lease_lost' })
    await expect(db.rows('select trunkline.assert_lease(null, null)')).rejects.toMatchObject({ code: 'TL409' })
    await db.rows('reset role')
  })

  test('one open transaction delays the recovery of its own job only, and its commit still counts', async () => {
    const { task, work } = workerScene(trunkline)
    const gate = signal<pg.Client>()
    const hold = task(async (context) => {
      if (context.attempt > 1) return 'recovered'
      if (context.input === 'fenced') {
        const client = await begun()
        await context.assertLease(client)
        await write(client, context)
        gate.resolve(client)
      }
      await new Promise(() => {})
    })
    const [fenced, other] = await trunkline.enqueueMany(hold, ['fenced', 'other'])
    const dead = await work([hold], { concurrency: 2, heartbeatMs: 60_000, graceMs: 50, drainMs: 0 })
    const client = await gate.promise
    await until(() => dead.running === 2)
    const begunAt = performance.now()
    expect(await giveUp(dead.id, [fenced?.id, other?.id])).toMatchObject({ jobs: 1 })
    expect(performance.now() - begunAt).toBeLessThan(10_000)
    expect(await other?.get()).toMatchObject({ state: 'pending', attempt: 1 })
    expect(await fenced?.get()).toMatchObject({ state: 'running' })
    expect((await recover(link, 30_000, 3)).jobs).toBe(0)
    await client.query('commit')
    expect((await recover(link, 30_000, 3)).jobs).toBe(1)
    expect(await fenced?.get()).toMatchObject({ state: 'pending', attempt: 1, error: { code: 'worker_lost' } })
    expect(await effects(fenced?.id as string)).toEqual([1])
    const heir = await work([hold])
    expect(await fenced?.result()).toBe('recovered')
    expect(await other?.result()).toBe('recovered')
    await heir.stop()
    await dead.stop()
  })
})
