import { describe, expect, test } from 'vitest'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { workerScene as anyScene } from '../../../../test/support/worker-scene.ts'
import { forgetWorkers } from '../keeper/forget-workers.ts'
import { createListener } from '../postgres/listen.ts'

const db = await testDatabase()
const trunkline = await db.connect()

/** Without a keeper: the tests themselves say when somebody is given up. */
function workerScene(of: typeof trunkline) {
  const scene = anyScene(of)
  return { ...scene, work: ((tasks, options) => scene.work(tasks, { keeper: false, ...options })) as typeof scene.work }
}

const find = async (id: string, past = false) => (await trunkline.workers({ past })).find((w) => w.id === id)
/** Its last beat was a minute ago. One that was on its way meanwhile may undo that: see who calls. */
const goSilent = (id: string) => db.rows(`update trunkline.worker set beat = now() - interval '1 minute' where id = $1`, [id])

describe('states', () => {
  test('a worker is starting, running, stopping while it drains, and remembered as stopped', async () => {
    const { task, work } = workerScene(trunkline)
    const gate = signal()
    const hold = task(() => gate.promise)
    await db.rows(
      `create function note() returns trigger language plpgsql as $$ begin insert into noted values (new.id, new.state); return null; end $$`,
    )
    await db.rows('create table noted(id int, state text)')
    await db.rows('create trigger note after insert or update of state on trunkline.worker for each row execute function note()')
    const worker = await work([hold], { version: 'v1' })
    await trunkline.enqueue(hold, {})
    await until(() => worker.running === 1)
    await until(async () => (await find(worker.id))?.state === 'running')
    const stopping = worker.stop()
    await until(async () => (await find(worker.id))?.state === 'stopping')
    gate.resolve()
    await stopping
    const states = (await db.rows('select distinct on (state) state from noted where id = $1', [worker.id])).map((r) => r.state)
    expect(states.sort()).toEqual(['running', 'starting', 'stopping'])
    expect(await find(worker.id)).toBeUndefined()
    expect(await find(worker.id, true)).toMatchObject({
      state: 'stopped',
      version: 'v1',
      endedAt: expect.any(Date),
      held: 0,
      isStale: false,
    })
    await db.rows('drop trigger note on trunkline.worker')
  })

  test('one that was given up is lost, and its jobs go on', async () => {
    const { task, work, of } = workerScene(trunkline)
    const worker = await work([task(() => 1)], { heartbeatMs: 60_000 })
    const { id } = worker
    await until(async () => {
      await goSilent(id)
      return (await find(id))?.isStale
    })
    // with a change of the caller it is both or nothing
    await until(async () => {
      await goSilent(id)
      const undone = trunkline.transaction(async (verbs) => {
        throw new Error((await verbs.cleanupWorkers()).workers.join())
      })
      return (await undone.catch((error) => error.message)) === id
    })
    expect(await find(id)).toMatchObject({ isStale: true, endedAt: null })
    const cleaned = await until(async () => {
      await goSilent(id)
      const done = await trunkline.cleanupWorkers()
      return done.workers.length > 0 && done
    })
    expect(cleaned).toMatchObject({ workers: [id], jobs: 0 })
    expect(await find(id, true)).toMatchObject({ state: 'lost' })
    await db.rows(`select pg_notify('trunkline', 's')`)
    await until(() => of('worker_lost').length > 0 && worker.id !== id)
    await worker.stop()
    const link = db.link('walk')
    expect(await forgetWorkers(link)).toBe(0)
    await db.rows(`update trunkline.worker_past set ended_at = now() - interval '8 days'`)
    expect(await forgetWorkers(link)).toBeGreaterThan(1)
    expect(await find(id, true)).toBeUndefined()
  })

  test('one that was given up and stops while it is on its way back leaves no row', async () => {
    const { task, work, of } = workerScene(trunkline)
    const name = 'on its way back'
    const worker = await work([task(() => 1)], { name, heartbeatMs: 60_000 })
    const gate = await db.client()
    await gate.query('select pg_advisory_lock(77)')
    await db.rows(
      'create function wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(77); return new; end $$',
    )
    await db.rows('create trigger wait before insert on trunkline.worker for each row execute function wait()')
    const active = async (what: string) => (await db.rows(`select count(*)::int n from pg_stat_activity where ${what}`))[0].n
    await until(async () => {
      await goSilent(worker.id)
      return (await trunkline.cleanupWorkers()).workers.length > 0
    })
    await db.rows(`select pg_notify('trunkline', 's')`)
    await until(() => of('worker_lost').length > 0)
    await until(() => active(`datname = current_database() and wait_event = 'advisory'`), 'it to register')
    const stopping = worker.stop()
    await until(async () => (await active(`application_name = 'trunkline heartbeat ${name}'`)) === 0, 'its heartbeat to end')
    // it may not be through before its new row is there: what must not happen can only be waited for
    await Promise.race([stopping, new Promise((resolve) => setTimeout(resolve, 300))])
    await gate.query('select pg_advisory_unlock(77)')
    await stopping
    await until(async () => (await active(`datname = current_database() and wait_event = 'advisory'`)) === 0)
    expect((await trunkline.workers()).filter((w) => w.name === name)).toEqual([])
    await db.rows('drop trigger wait on trunkline.worker')
  })

  test('drift shows workers of another version than the one started last', async () => {
    const { task, work } = workerScene(trunkline)
    const old = await work([task(() => 1)], { version: 'a' })
    const fresh = await work([task(() => 1)], { version: 'b' })
    expect(await find(old.id)).toMatchObject({ drift: true })
    expect(await find(fresh.id)).toMatchObject({ drift: false })
    await Promise.all([old.stop(), fresh.stop()])
  })
})

describe('a singleton', () => {
  test('sixteen at once: one registers, the others are told who holds the name', async () => {
    const { task, work, queue } = workerScene(trunkline)
    const noop = task(() => 1)
    const tries = await Promise.allSettled(Array.from({ length: 16 }, () => work([noop], { singleton: queue })))
    const [one, ...more] = tries.filter((t) => t.status === 'fulfilled').map((t) => t.value)
    expect(more).toEqual([])
    const refused = tries.filter((t) => t.status === 'rejected').map((t) => t.reason)
    expect(refused).toHaveLength(15)
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'singleton_taken', field: 'singleton' })
      expect(error.message).toMatch(
        new RegExp(`"${queue}" is held by worker ${one?.id} \\(${queue}, process ${process.pid} on .*\\) since 20`),
      )
    }
    await one?.stop()
    const next = await work([noop], { singleton: queue })
    await next.stop()
  })

  test('whose holder only stopped beating is replaced after the stale time; the zombie can neither claim nor write', async () => {
    const { task, work, queue, of } = workerScene(trunkline)
    const gate = signal()
    const replaced = signal()
    const ran: string[] = []
    const job = task(async ({ input, attempt }) => {
      ran.push(`${input} ${attempt}`)
      if (attempt === 1 && input === 'held') await gate.promise
      return attempt
    })
    const held = await trunkline.enqueue(job, 'held')
    const options = { singleton: { name: queue, staleMs: 20_000 }, graceMs: 5000, heartbeatMs: 60_000 }
    const zombie = await work([job], { ...options, onReplace: () => replaced.resolve() })
    await until(() => zombie.running === 1)
    // a slot that has run for a second is told of by a beat out of turn: one that came later would tell the zombie too early that it is lost
    const told = () => db.rows('select from trunkline.worker where id = $1 and $2 = any(running)', [zombie.id, held.id])
    await until(async () => (await told()).length > 0, 'the zombie to tell what runs')
    await expect(work([job], options)).rejects.toMatchObject({ code: 'singleton_taken' })
    const heir = await until(async () => {
      await goSilent(zombie.id)
      return await work([job], { ...options, heartbeatMs: 300 }).catch(() => null)
    })
    expect(await held.result()).toBe(2)
    gate.resolve()
    await until(() => of('lease_lost').length > 0 || of('worker_lost').length > 0)
    expect(await held.get()).toMatchObject({ state: 'completed', attempt: 2, workerId: heir.id })
    const more = await trunkline.enqueueMany(job, ['a', 'b', 'c'])
    for (const one of more) {
      await one.result()
      expect((await one.get()).workerId).toBe(heir.id)
    }
    // once it knows, it finds the name taken, and asks to be replaced
    await db.rows(`select pg_notify('trunkline', 's')`)
    await replaced.promise
    await heir.stop()
  })

  test.each([
    [{ name: 'x', staleMs: 5 }, 'singleton.staleMs'],
    ['not a name!', 'singleton'],
    [5, 'singleton'],
  ])('the option %j is refused with the field %s', async (singleton, field) => {
    const { task, work } = workerScene(trunkline)
    await expect(work([task(() => 1)], { singleton })).rejects.toMatchObject({ field })
  })
})

describe('asked to stop from elsewhere', () => {
  test('it hears at once, drains, and is told apart from one that ends by itself', async () => {
    const { task, work, of } = workerScene(trunkline)
    const gate = signal()
    const asked = signal()
    const hold = task(() => gate.promise.then(() => 'done'))
    const worker = await work([hold], { heartbeatMs: 60_000, onStopAsked: () => asked.resolve() })
    const job = await trunkline.enqueue(hold, {})
    await until(() => worker.running === 1)
    const heard = signal()
    const listener = createListener({ database: db.open(), onMessage: (m) => m === 's' && heard.resolve(), onGap: () => {} })
    listener.start()
    await until(() => listener.proven())
    await trunkline.stopWorker(worker.id)
    await heard.promise
    await until(() => of('worker_stopping').length > 0)
    expect((await job.get()).state).toBe('running')
    gate.resolve()
    await asked.promise
    expect(await job.get()).toMatchObject({ state: 'completed', attempt: 1 })
    expect(of('worker_asked_to_stop')).toHaveLength(1)
    await listener.stop()
    await expect(trunkline.stopWorker(worker.id)).rejects.toMatchObject({ code: 'worker_not_found' })
    await expect(trunkline.stopWorker('x')).rejects.toMatchObject({ code: 'invalid_option', field: 'workerId' })
  })

  test('without a listener it hears with its next heartbeat', async () => {
    const { task, work } = workerScene(trunkline)
    const asked = signal()
    const worker = await work([task(() => 1)], { heartbeatMs: 300, onStopAsked: () => asked.resolve() })
    await db.rows('update trunkline.worker set stop_wanted = true where id = $1', [worker.id])
    await asked.promise
    expect(await find(worker.id, true)).toMatchObject({ state: 'stopped' })
  })
})

test('a leaking handler: above its memory limit the worker drains and asks to be replaced; no job is lost, none spends an attempt', async () => {
  const { task, work, of } = workerScene(trunkline)
  const leak: Buffer[] = []
  const leaky = task(async ({ attempt }) => {
    leak.push(Buffer.alloc(10_000_000, leak.length))
    await new Promise((resolve) => setTimeout(resolve, 30))
    return attempt
  })
  const jobs = await trunkline.enqueueMany(leaky, new Array(40).fill(0))
  const generations: Promise<{ stop(): Promise<void> }>[] = []
  let isOver = false
  const start = (): void => {
    if (isOver) return
    leak.length = 0
    const memoryLimitMb = process.memoryUsage.rss() / 1e6 + 100
    generations.push(work([leaky], { concurrency: 2, memoryLimitMb, onReplace: start }))
  }
  start()
  expect(new Set(await Promise.all(jobs.map((j) => j.result())))).toEqual(new Set([1]))
  isOver = true
  for (const worker of generations) await (await worker).stop()
  expect(generations.length).toBeGreaterThan(1)
  expect(of('worker_recycling').length).toBeGreaterThanOrEqual(generations.length - 1)
  await expect(work([leaky], { memoryLimitMb: 0 })).rejects.toMatchObject({ field: 'memoryLimitMb' })
})
