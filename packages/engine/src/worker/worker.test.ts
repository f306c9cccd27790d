import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { signal, testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask, type TaskContext } from '../jobs/define-task.ts'
import { FatalError, Snooze } from '../jobs/fate.ts'
import type { WorkerEvent } from './events.ts'

const db = await testDatabase()
const trunkline = await db.connect()
let round = 0

/** A queue, a list of events and a way to start workers of one's own for one test. */
function scene() {
  const queue = `scene-${++round}`
  const events: WorkerEvent[] = []
  const task = (run: (context: TaskContext<any>) => unknown, options: object = {}) =>
    defineTask(`${queue}.task`, { queue, run, ...options })
  const work = (tasks: ReturnType<typeof task>[], options: object = {}) =>
    trunkline.work(tasks, {
      keeper: { staleMs: 2000, sweepMs: 200 },
      heartbeatMs: 300,
      graceMs: 200,
      onEvent: (e) => events.push(e),
      name: queue,
      ...options,
    })
  return {
    queue,
    events,
    task,
    work,
    of: <T extends WorkerEvent['type']>(type: T) => events.filter((e) => e.type === type) as Extract<WorkerEvent, { type: T }>[],
  }
}

const untilAborted = ({ signal: s }: TaskContext<unknown>) =>
  new Promise((_, reject) => s.addEventListener('abort', () => reject(s.reason)))

describe('a job', () => {
  test('gets its input as the schema returns it, and its result reaches who waits', async () => {
    const { task, work } = scene()
    const add = task(({ input }) => ({ sum: input.a + input.b }), { input: z.object({ a: z.number(), b: z.number().default(40) }) })
    const worker = await work([add])
    expect(await (await trunkline.enqueue(add, { a: 2 })).result()).toEqual({ sum: 42 })
    await worker.stop()
  })

  test('sees who it is: id, task, queue, priority, lease, attempt', async () => {
    const { task, work, queue } = scene()
    const who = task(({ job, attempt }) => ({ ...job, attempt }))
    const worker = await work([who])
    const job = await trunkline.enqueue(who, {}, { priority: 3 })
    expect(await job.result()).toEqual({
      id: job.id,
      task: `${queue}.task`,
      queue,
      priority: 3,
      leaseId: expect.stringMatching(/^\d+$/),
      attempt: 1,
    })
    await worker.stop()
  })

  test('that fails is retried with backoff, and fails when its attempts are used up', async () => {
    const { task, work } = scene()
    const flaky = task(
      ({ attempt }) => {
        if (attempt < 3) throw new Error(`no luck ${attempt}`)
        return attempt
      },
      { retry: { attempts: 3, backoff: { curve: 'fixed', delay: 20 } } },
    )
    const worker = await work([flaky])
    expect(await (await trunkline.enqueue(flaky, {})).result()).toBe(3)
    const hopeless = await trunkline.enqueue(flaky, {}, { maxAttempts: 2 })
    await expect(hopeless.result()).rejects.toMatchObject({ code: 'job_failed', cause: { message: 'no luck 2', reason: 'attempts_used' } })
    expect(await hopeless.get()).toMatchObject({ state: 'failed', reason: 'attempts_used', attempt: 2 })
    await worker.stop()
  })

  test('may end itself for good, or come back later without spending an attempt', async () => {
    const { task, work } = scene()
    let naps = 0
    const moody = task(({ input }) => {
      if (input === 'fatal') throw new FatalError('never')
      if (naps++ === 0) throw new Snooze(30)
      return naps
    })
    const worker = await work([moody])
    await expect((await trunkline.enqueue(moody, 'fatal')).result()).rejects.toMatchObject({ cause: { message: 'never', reason: 'fatal' } })
    const sleepy = await trunkline.enqueue(moody, 'nap')
    expect(await sleepy.result()).toBe(2)
    expect((await sleepy.get()).attempt).toBe(1)
    await worker.stop()
  })

  test('whatever it throws or returns, it ends and the worker lives', async () => {
    const { task, work } = scene()
    const circular: { message: string; cause?: unknown } = { message: 'round' }
    circular.cause = circular
    const deadly = {
      get message() {
        throw new Error('getter')
      },
    }
    const thrown: unknown[] = [
      null,
      undefined,
      'text',
      42,
      circular,
      deadly,
      new Error('x'.repeat(5_000_000)),
      new Error('nul \0 and \ud800'),
      Object.create(null),
    ]
    const returned: unknown[] = [1n, () => 1, Symbol('s'), 'x'.repeat(2_000_000), 'a\0b', '\ud800', Number.NaN, 2 ** 60]
    const odd = task(
      ({ input }) => {
        if (input.kind === 'throw') throw thrown[input.i]
        if (input.kind === 'later') return Promise.reject(thrown[input.i])
        return returned[input.i]
      },
      { retry: { attempts: 1 } },
    )
    const worker = await work([odd])
    for (const kind of ['throw', 'later']) {
      for (const i of thrown.keys()) {
        const error: any = await (await trunkline.enqueue(odd, { kind, i })).result().catch((e) => e)
        expect(error).toMatchObject({ code: 'job_failed', cause: { reason: 'attempts_used', message: expect.any(String) } })
        expect(JSON.stringify(error.cause).length).toBeLessThan(32_768)
      }
    }
    for (const i of returned.keys()) {
      await expect((await trunkline.enqueue(odd, { kind: 'return', i })).result()).rejects.toMatchObject({
        cause: { code: 'result_unserialisable', reason: 'fatal' },
      })
    }
    await worker.stop()
  })

  test('with a payload its handler no longer accepts fails for good', async () => {
    const { task, work } = scene()
    const strict = task(() => 1, { input: z.object({ n: z.number() }) })
    await trunkline.enqueue(strict, { n: 1 })
    const job = await trunkline.enqueue(strict.name, { n: 'x' })
    const worker = await work([strict])
    await expect(job.result()).rejects.toMatchObject({ cause: { code: 'invalid_payload', reason: 'fatal' } })
    await worker.stop()
  })

  test('of a task this worker does not know waits for one that does', async () => {
    const { task, work, queue, of } = scene()
    const other = defineTask(`${queue}.other`, { queue, run: () => 'done' })
    const job = await trunkline.enqueue(other, {})
    const worker = await work([task(() => 1)])
    await until(() => of('unknown_task').length > 0)
    expect(await until(async () => ((await job.get()).state === 'pending' ? job.get() : null))).toMatchObject({
      reason: 'scheduled',
      attempt: 0,
    })
    await worker.stop()
  })
})

describe('two versions of a worker side by side', () => {
  test('a job of a task that the old one does not know is executed by the new one, soon', async () => {
    const { task, queue, of, work } = scene()
    const added = defineTask(`${queue}.added`, { queue, run: () => 'by the new one' })
    const old = await work([task(() => 'by any')], { name: `${queue}-old` })
    const waiting = await trunkline.enqueueMany(added, new Array(5).fill({}))
    await until(() => of('unknown_task').length > 0, 'the old one to meet it')
    const young = await work([added, task(() => 'by any')], { name: `${queue}-new`, keeper: false })
    const more = await trunkline.enqueueMany(added, new Array(20).fill({}))
    for (const job of [...waiting, ...more]) expect(await job.result()).toBe('by the new one')
    // leaving it to others spends no attempt
    for (const job of waiting) expect((await job.get()).attempt).toBe(1)
    await Promise.all([old.stop(), young.stop()])
  })

  test('a breaking migration that it does not know: it says so, hands back what waits, ends what runs, and claims no more', async () => {
    const apart = await testDatabase()
    const events: WorkerEvent[] = []
    const gate = signal()
    const gated = defineTask('gated', { run: () => gate.promise.then(() => 'done') })
    const there = await apart.connect()
    const jobs = await there.enqueueMany(gated, [1, 2, 3])
    const worker = await there.work([gated], { concurrency: 1, checkMs: 50, onEvent: (e) => events.push(e) })
    await until(() => worker.running === 1)
    const newer = `insert into trunkline.migration(no, name, breaking) values ($1, 'newer', $2)`
    await apart.rows(newer, [9000, false])
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(events.map((e) => e.type)).not.toContain('schema_too_new')
    await apart.rows(newer, [9001, true])
    await until(() => events.some((e) => e.type === 'worker_stopping'))
    gate.resolve()
    await until(() => events.some((e) => e.type === 'worker_stopped'))
    const told = events.filter((e) => e.type === 'schema_too_new')
    expect(told).toEqual([{ type: 'schema_too_new', workerId: expect.any(Number), applied: 9001, known: expect.any(Number) }])
    expect((await Promise.all(jobs.map((job) => job.get()))).map((j) => j.state).sort()).toEqual(['completed', 'pending', 'pending'])
    expect(await apart.rows('select from trunkline.lease')).toEqual([])
  })
})

describe('feedback', () => {
  test('is seen from elsewhere while the job runs, and stays after its end', async () => {
    const { task, work } = scene()
    const gate = signal()
    const chatty = task(async ({ log }) => {
      log.setStage('Processing users')
      log.setTotal(5000, 'users')
      log.setProgress(1250)
      log.addOutcome('updates', 3)
      log.warn('careful', { why: 'test' })
      await gate.promise
      log.incrementProgress(3750)
      log.setStage('Scanning')
      log.incrementProgress(7)
    })
    const worker = await work([chatty])
    const job = await trunkline.enqueue(chatty, {})
    const half = await until(async () => ((await job.get()).progress?.percent === 25 ? job.get() : null))
    expect(half).toMatchObject({
      state: 'running',
      progress: { current: 1250, total: 5000, unit: 'users', stage: 'Processing users', percent: 25 },
      outcome: { updates: 3 },
    })
    gate.resolve()
    await job.result()
    expect(await job.get()).toMatchObject({ state: 'completed', progress: { stage: 'Scanning', current: 7, total: null, percent: null } })
    const lines = await trunkline.logs(job.id)
    expect(lines.map((l) => [l.level, l.message])).toEqual([
      ['info', 'Processing users'],
      ['warn', 'careful'],
      ['info', 'Scanning'],
      ['info', expect.stringMatching(/^Summary: Processing users \(5,000 \/ 5,000\), Scanning \(7 processed\); 3 updates; /)],
    ])
    expect(lines[1]?.context).toEqual({ why: 'test' })
    await worker.stop()
  })

  test('survives what no database can store', async () => {
    const { task, work } = scene()
    const round: Record<string, unknown> = {}
    round.self = round
    const odd = task(({ log }) => {
      log.info('nul \0 half \ud800', { a: '\0', b: '\ud800' })
      log.info('x'.repeat(100_000), round)
      log.info(undefined as never, { big: 'y'.repeat(100_000) })
      log.addOutcome('a\0', Number.NaN)
      log.setTotal(Number.POSITIVE_INFINITY)
    })
    const worker = await work([odd])
    const job = await trunkline.enqueue(odd, {})
    await job.result()
    const lines = await trunkline.logs(job.id)
    expect(lines.length).toBe(4)
    for (const line of lines) expect(JSON.stringify(line).length).toBeLessThan(34_000)
    await worker.stop()
  })

  test('a logger outside the handler writes into the same log', async () => {
    const { task } = scene()
    const job = await trunkline.enqueue(
      task(() => 1),
      {},
    )
    const log = trunkline.createJobLogger(job.id, 'any')
    log.setStage('Outside')
    log.setProgress(1, 4)
    log.error('seen from elsewhere')
    await log.flush()
    expect((await trunkline.logs(job.id)).map((l) => l.message)).toEqual(['Outside', 'seen from elsewhere'])
    expect((await job.get()).progress).toMatchObject({ stage: 'Outside', percent: 25 })
  })
})

describe('cancel, timeout, stuck handlers', () => {
  test('a running job is told within a second, and its result is not kept', async () => {
    const { task, work } = scene()
    const long = task(untilAborted)
    const worker = await work([long])
    const job = await trunkline.enqueue(long, {})
    await until(async () => (await job.get()).state === 'running')
    const asked = performance.now()
    expect(await trunkline.cancel(job.id, { by: 'ada' })).toBe('asked')
    await expect(job.result()).rejects.toMatchObject({ code: 'cancelled' })
    expect(performance.now() - asked).toBeLessThan(1000)
    await worker.stop()
  })

  test('a timeout aborts, fails the try, and the policy decides', async () => {
    const { task, work } = scene()
    const slow = task(untilAborted, { timeout: 50, retry: { attempts: 2, backoff: { curve: 'fixed', delay: 5 } } })
    const worker = await work([slow])
    const job = await trunkline.enqueue(slow, {})
    await expect(job.result()).rejects.toMatchObject({ cause: { code: 'timeout', reason: 'timeout' } })
    expect((await job.get()).attempt).toBe(2)
    await worker.stop()
  })

  test('a handler that ignores its abort is failed as timeout past the grace, its slot freed, and the worker replaced', async () => {
    const { task, work, of } = scene()
    const replaced = signal()
    const deaf = task(() => new Promise(() => {}), { timeout: 30, retry: { attempts: 1 } })
    await work([deaf], { concurrency: 1, stuck: 'replace', onReplace: () => replaced.resolve() })
    const job = await trunkline.enqueue(deaf, {})
    await expect(job.result()).rejects.toMatchObject({ cause: { code: 'timeout' } })
    await replaced.promise
    expect(of('handler_stuck')).toMatchObject([{ jobId: job.id, why: 'timeout' }])
    expect(
      (await db.rows('select count(*)::int n from trunkline.worker where name = $1', [of('worker_started')[0] ? `scene-${round}` : '']))[0]
        .n,
    ).toBe(0)
  })

  test('a handler that blocks the event loop keeps its lease, and is failed from the heartbeat thread past its grace', async () => {
    const { task, work, queue } = scene()
    const block = task(
      ({ input }) => {
        const end = Date.now() + input.ms
        while (Date.now() < end);
        return 'woke'
      },
      { timeout: 200, retry: { attempts: 1 } },
    )
    const worker = await work([block], { heartbeatMs: 200 })
    const job = await trunkline.enqueue(block, { ms: 3500 })
    await expect(job.result()).rejects.toMatchObject({ cause: { code: 'timeout' } })
    expect((await trunkline.workers()).filter((w) => w.name === queue)).toHaveLength(1)
    await worker.stop()
  })
})

describe('life of a worker', () => {
  test('it reports what is in its slots, its load, and leaves when it stops', async () => {
    const { task, work, queue } = scene()
    const gate = signal()
    const hold = task(() => gate.promise)
    const worker = await work([hold], { concurrency: 3, version: 'abc123' })
    const job = await trunkline.enqueue(hold, {})
    const seen = await until(async () => (await trunkline.workers()).find((w) => w.name === queue && w.running.includes(job.id)))
    expect(seen).toMatchObject({ id: worker.id, concurrency: 3, version: 'abc123', state: 'running', queues: [queue], held: 1 })
    expect(seen.rssBytes).toBeGreaterThan(1e6)
    gate.resolve()
    await worker.stop()
    expect((await trunkline.workers()).filter((w) => w.name === queue)).toEqual([])
    expect((await job.get()).state).toBe('completed')
  })

  test('stop waits for what runs, hands back what does not end, and spends no attempt', async () => {
    const { task, work } = scene()
    const gate = signal()
    const quick = task(({ input }) => (input === 'quick' ? gate.promise.then(() => 'done') : new Promise(() => {})))
    const worker = await work([quick], { concurrency: 2, drainMs: 100 })
    const [first, second, third] = await trunkline.enqueueMany(quick, ['quick', 'never', 'waiting'])
    await until(() => worker.running === 2)
    const stopping = worker.stop()
    gate.resolve()
    await stopping
    expect(await first?.result()).toBe('done')
    for (const job of [second, third]) expect(await job?.get()).toMatchObject({ state: 'pending', attempt: 0 })
    expect(await db.rows('select from trunkline.lease')).toEqual([])
  })

  test('taken for dead, it hears lease_lost, writes nothing more, and registers anew', async () => {
    const { task, work, of, queue } = scene()
    const aborted: unknown[] = []
    const gate = signal()
    const hold = task(async ({ signal: s, log }) => {
      s.addEventListener('abort', () => aborted.push(s.reason.code))
      log.info('first')
      await gate.promise
      return 'late'
    })
    const worker = await work([hold], { graceMs: 5000 })
    const before = worker.id
    const job = await trunkline.enqueue(hold, {})
    await until(async () => (await trunkline.workers()).some((w) => w.running.includes(job.id)))
    await db.rows('begin; delete from trunkline.lease; delete from trunkline.worker; commit')
    await until(() => of('worker_lost').length > 0)
    await until(() => aborted.length > 0)
    expect(aborted).toEqual(['lease_lost'])
    gate.resolve()
    await until(() => of('job_ended').length > 0)
    expect(of('job_ended')).toMatchObject([{ how: 'handed_back' }])
    expect(await db.rows('select from trunkline.outcome where id = $1', [job.id])).toEqual([])
    await until(() => worker.id !== before)
    expect((await trunkline.workers()).map((w) => w.name)).toContain(queue)
    await worker.stop()
  })

  test('a slow job does not hold the quick ones behind it', async () => {
    const { task, work } = scene()
    const gate = signal()
    const mixed = task(({ input }) => (input === 'slow' ? gate.promise : 'quick'))
    const worker = await work([mixed], { concurrency: 2 })
    const slow = await trunkline.enqueue(mixed, 'slow')
    await until(() => worker.running === 1)
    const quick = await trunkline.enqueueMany(mixed, new Array(200).fill('quick'))
    await Promise.all(quick.map((j) => j.result()))
    expect((await slow.get()).state).toBe('running')
    gate.resolve()
    await slow.result()
    await worker.stop()
  })

  test('low priorities are served although a high lane is kept full', async () => {
    const { task, work } = scene()
    const noop = task(() => new Promise((resolve) => setImmediate(resolve)))
    const low = await trunkline.enqueueMany(noop, new Array(50).fill(0), { priority: -50 })
    // far more than are run before every eighth claim has brought all the low ones
    await trunkline.enqueueMany(noop, new Array(60_000).fill(1), { priority: 50 })
    const worker = await work([noop])
    await Promise.all(low.map((j) => j.result()))
    // lanes are stored negated: this is the high one, never empty meanwhile
    const [high] = await db.rows('select coalesce(sum(n), 0)::int n from trunkline.ready where priority = -50')
    expect(high.n).toBeGreaterThan(0)
    await worker.stop()
  })

  test('options are checked by name and value', async () => {
    const { task } = scene()
    const noop = task(() => 1)
    await expect(trunkline.work([noop], { concurency: 3 } as never)).rejects.toMatchObject({
      code: 'unknown_option',
      message: expect.stringContaining('did you mean "concurrency"'),
    })
    await expect(trunkline.work([noop], { concurrency: 0 })).rejects.toMatchObject({ code: 'invalid_option', field: 'concurrency' })
    await expect(trunkline.work([])).rejects.toMatchObject({ code: 'invalid_option', field: 'tasks' })
  })
})
