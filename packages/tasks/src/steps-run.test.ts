import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { defineTask, FatalError, fileSystemStorage, type Task } from '@trunkline/engine'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../test/support/database.ts'
import { startReadyProgram } from '../../../test/support/programs.ts'
import { builtInTasks, type TaskEnvironment } from './index.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const environment: TaskEnvironment = {
  connectionString: db.url,
  storage: fileSystemStorage(tmpdir()),
  shell: { allowed: true, allowRoot: true },
}
const ran: string[] = []
let angry = true
const own: Task[] = [
  defineTask('own.note', {
    async run({ input, log, step, job }) {
      const kept = await step.run('inner', () => ran.push(input.text))
      log.setStage('noting')
      log.setTotal(10, 'lines')
      log.setProgress(5)
      log.addOutcome('inserts', 2)
      return { kept, task: job.task }
    },
  }),
  defineTask('own.angry', {
    run({ input }) {
      ran.push(`angry ${input.n ?? ''}`)
      if (angry) throw new Error('not yet')
      return 'at last'
    },
  }),
  defineTask('own.fatal', {
    run() {
      ran.push('fatal')
      throw new FatalError('never')
    },
  }),
  defineTask('own.flood', { run: () => ({ text: 'x'.repeat(900_000), list: [1] }) }),
  defineTask('own.patient', {
    run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
  }),
  defineTask('own.deaf', { run: () => new Promise(() => {}) }),
  defineTask('own.many', { batch: { size: 2 }, runBatch: () => {} }),
]
const builtIns = builtInTasks(environment)
const stepsRun = builtIns.find((task) => task.name === 'steps_run') as Task
const worker = await trunkline.work([...builtIns, ...own], {
  keeper: { staleMs: 5000, sweepMs: 200 },
  heartbeatMs: 300,
  graceMs: 500,
})
afterAll(() => worker.stop())
afterEach(() => {
  ran.splice(0)
  angry = true
})

const sql = (name: string, text: string, more: object = {}) => ({ name, task: 'sql_run', payload: { sql: text }, ...more })
const run = (steps: object[], options: object = {}) => trunkline.enqueue(stepsRun, { steps }, options)
const ended = (id: string) => until(async () => ['completed', 'failed', 'cancelled'].includes((await trunkline.get(id)).state), 'its end')
const states = async (id: string) => (await trunkline.steps(id)).map((s) => `${s.name} ${s.state}`)

describe('steps in order', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/hang') return
    response.setHeader('content-type', 'application/json').end('{"good":true}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  test('of SQL, a command, HTTP and a task of one’s own: each with its output, its log and its place in the progress', async () => {
    const job = await run([
      sql('rows', 'select 41 + 1 as answer'),
      { name: 'shell', task: 'shell_run', payload: { command: 'echo said by the shell' } },
      { name: 'call', task: 'http_request', payload: { url: `${base}/` } },
      { name: 'note', task: 'own.note', payload: { text: 'noted' } },
      { name: 'flood', task: 'own.flood' },
    ])
    expect(await job.result()).toEqual({ completed: 5, failed: 0, skipped: 0 })
    const steps = await trunkline.steps(job.id)
    expect(steps.slice(0, 5)).toMatchObject([
      {
        name: 'rows',
        task: 'sql_run',
        state: 'completed',
        attempt: 1,
        tries: 1,
        result: { rows: [{ answer: 42 }] },
        error: null,
        earlier: [],
      },
      { name: 'shell', result: { stdout: 'said by the shell\n', exitCode: 0 } },
      { name: 'call', result: { status: 200, body: { good: true } } },
      { name: 'note', result: { kept: 1, task: 'own.note' } },
      { name: 'flood', result: { text: expect.stringMatching(/^x{8000}… \(892000 characters left out\)$/), list: [1] } },
    ])
    for (const step of steps) expect(step.durationMs).toBeGreaterThanOrEqual(0)
    // a step of the handler itself is kept under the name of the outer one
    expect(steps[5]).toMatchObject({ name: 'note/inner', state: 'completed', task: null })
    expect((await trunkline.logs(job.id, { stage: 'shell' })).map((line) => line.message)).toContain('said by the shell')
    expect((await trunkline.logs(job.id, { stage: 'note' })).map((line) => line.message)).toContain('noting')
    const view = await trunkline.get(job.id)
    expect(view.progress).toMatchObject({ current: 5, total: 5, unit: 'steps', percent: 100 })
    expect(view.outcome).toEqual({ inserts: 2 })
  })

  test('a step that waits, runs and is cancelled is seen; its statement ends in the server, and the rest never begins', async () => {
    const job = await run([sql('first', 'select 1'), sql('long', 'select pg_sleep(60)'), sql('last', 'select 2')])
    await until(async () => (await states(job.id)).includes('long running'))
    expect(await states(job.id)).toEqual(['first completed', 'long running', 'last waiting'])
    await until(async () => (await trunkline.get(job.id)).progress?.percent === 33)
    expect((await trunkline.get(job.id)).progress).toMatchObject({ stage: 'long', current: 1, total: 3 })
    await trunkline.cancel(job.id)
    await ended(job.id)
    expect((await trunkline.get(job.id)).state).toBe('cancelled')
    expect(await states(job.id)).toEqual(['first completed', 'long cancelled', 'last waiting'])
    await until(
      async () => (await db.rows(`select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`)).length === 0,
    )
  })

  test('its time ends a step of every kind: the statement, the group of processes, the request, the signal', async () => {
    const job = await run([
      sql('statement', 'select pg_sleep(61)', { timeoutMs: 200, onError: 'ignore' }),
      { name: 'group', task: 'shell_run', payload: { command: 'sleep 61 & echo $!; wait' }, timeoutMs: 200, onError: 'ignore' },
      { name: 'request', task: 'http_request', payload: { url: `${base}/hang` }, timeoutMs: 200, onError: 'ignore' },
      { name: 'signal', task: 'own.patient', timeoutMs: 200 },
    ])
    await ended(job.id)
    const steps = await trunkline.steps(job.id)
    for (const step of steps) expect(step, step.name).toMatchObject({ state: 'failed', tries: 1, error: { code: 'timeout' } })
    expect(steps.length).toBe(4)
    expect(await trunkline.get(job.id)).toMatchObject({ state: 'failed', error: { message: expect.stringMatching(/^step "signal": /) } })
    expect(await db.rows(`select from pg_stat_activity where query = 'select pg_sleep(61)' and state = 'active'`)).toEqual([])
    const [pid] = (await trunkline.logs(job.id, { stage: 'group' })).map((line) => Number(line.message)).filter(Boolean)
    // ended; where nobody collects orphans, one is left as a zombie
    const left = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : 'gone'
    expect(left).toMatch(/^gone$|\) Z /)
  }, 30_000)
})

describe('what does not want to end', () => {
  test('a statement that catches its cancellation: its session is ended, and the next step runs', async () => {
    const deaf = 'do $$ begin loop begin perform pg_sleep(62); exception when query_canceled then null; end; end loop; end $$'
    const job = await run([sql('deaf', deaf, { timeoutMs: 1500, onError: 'ignore' }), sql('next', 'select 1')])
    expect(await job.result()).toEqual({ completed: 1, failed: 1, skipped: 0 })
    const [first] = await trunkline.steps(job.id)
    expect(first).toMatchObject({ state: 'failed', error: { code: 'timeout' } })
    expect(first?.durationMs).toBeGreaterThanOrEqual(5000)
    await until(
      async () => (await db.rows(`select from pg_stat_activity where query like '%pg_sleep(62)%' and query like 'do %'`)).length === 0,
    )
  }, 30_000)

  test('a handler that ignores its signal: the job fails, whatever the rule, and nothing runs beside it', async () => {
    const job = await run([
      { name: 'deaf', task: 'own.deaf', timeoutMs: 100, retry: { attempts: 3 }, onError: 'ignore' },
      { name: 'next', task: 'own.note', payload: { text: 'never' } },
    ])
    await until(async () => (await trunkline.get(job.id)).state === 'failed', 'its end', 30_000)
    expect(await trunkline.get(job.id)).toMatchObject({ reason: 'timeout' })
    expect(await states(job.id)).toEqual(['deaf failed', 'next waiting'])
    expect(ran).toEqual([])
  }, 40_000)

  test('its worker is stopped in a step: the step waits again and costs no try, and another worker goes on with it', async () => {
    const first = await trunkline.work([...builtIns, ...own], { queues: ['moved'], keeper: false, drainMs: 0, graceMs: 2000 })
    const retry = { attempts: 2 }
    const job = await run([sql('one', 'select 1'), { ...sql('two', 'select pg_sleep(63)'), retry }], { queue: 'moved' })
    await until(async () => (await states(job.id)).includes('two running'))
    await first.stop()
    expect(await states(job.id)).toEqual(['one completed', 'two waiting'])
    const second = await trunkline.work([...builtIns, ...own], { queues: ['moved'], keeper: false })
    await until(async () => (await states(job.id)).includes('two running'))
    expect((await trunkline.steps(job.id))[1]).toMatchObject({ attempt: 1, tries: 2, earlier: [{ state: 'handed_back', error: null }] })
    await trunkline.cancel(job.id)
    await ended(job.id)
    await second.stop()
  }, 30_000)
})

describe('rules for errors', () => {
  test('fail: the job fails and the rest waits; a retry goes on at the step that failed, a re-run begins anew', async () => {
    const steps = [
      { name: 'note', task: 'own.note', payload: { text: 'once' } },
      { name: 'angry', task: 'own.angry' },
      sql('after', 'select 1'),
    ]
    const job = await run(steps)
    await ended(job.id)
    expect(await trunkline.get(job.id)).toMatchObject({ state: 'failed', error: { message: 'step "angry": not yet' } })
    expect((await states(job.id)).slice(0, 3)).toEqual(['note completed', 'angry failed', 'after waiting'])
    angry = false
    await (await trunkline.retry(job.id)).result()
    expect((await states(job.id)).slice(0, 3)).toEqual(['note completed', 'angry completed', 'after completed'])
    expect(ran).toEqual(['once', 'angry ', 'angry '])
    const [, second] = await trunkline.steps(job.id)
    expect(second).toMatchObject({ attempt: 2, tries: 2, earlier: [{ attempt: 1, state: 'failed', error: { message: 'not yet' } }] })
    const again = await trunkline.rerun(job.id)
    await again.result()
    expect(ran).toEqual(['once', 'angry ', 'angry ', 'once', 'angry '])
  })

  test('succeed: the job ends well there, and the rest is skipped', async () => {
    const job = await run([sql('bad', 'selec 1', { onError: 'succeed' }), sql('never', 'select 1')])
    expect(await job.result()).toEqual({ completed: 0, failed: 1, skipped: 1 })
    expect(await states(job.id)).toEqual(['bad failed', 'never skipped'])
    expect((await trunkline.steps(job.id))[0]?.error).toMatchObject({ code: '42601' })
  })

  test('ignore: it goes on; what was ignored once is not run again by a retry', async () => {
    const job = await run([
      { name: 'ignored', task: 'own.angry', payload: { n: 1 }, onError: 'ignore' },
      { name: 'fails', task: 'own.angry', payload: { n: 2 } },
    ])
    await ended(job.id)
    expect(await states(job.id)).toEqual(['ignored failed', 'fails failed'])
    angry = false
    expect(await (await trunkline.retry(job.id)).result()).toEqual({ completed: 1, failed: 1, skipped: 0 })
    expect(ran).toEqual(['angry 1', 'angry 2', 'angry 2'])
  })

  test('tries of a step come one after another by its backoff, and stop where repeating cannot help', async () => {
    const backoff = { curve: 'fixed', delayMs: 1, jitter: 0 }
    const job = await run([
      { name: 'three', task: 'own.angry', retry: { attempts: 3, backoff }, onError: 'ignore' },
      { name: 'fatal', task: 'own.fatal', retry: { attempts: 3, backoff }, onError: 'ignore' },
    ])
    expect(await job.result()).toEqual({ completed: 0, failed: 2, skipped: 0 })
    expect(ran).toEqual(['angry ', 'angry ', 'angry ', 'fatal'])
    const [three, fatal] = await trunkline.steps(job.id)
    expect(three).toMatchObject({ state: 'failed', tries: 3, attempt: 1, earlier: [{ state: 'failed' }, { state: 'failed' }] })
    expect(fatal).toMatchObject({ tries: 1 })
    expect((await trunkline.logs(job.id, { stage: 'three', levels: ['warn'] })).map((l) => l.message)).toEqual([
      'try 1 of 3 of step "three" failed: not yet; the next in 1 ms',
      'try 2 of 3 of step "three" failed: not yet; the next in 1 ms',
      'step "three" failed, and its rule is ignore: not yet',
    ])
  })

  test('in a long wait between tries the job gives its slot back, spends no attempt and goes on with the next try', async () => {
    const retry = { attempts: 2, backoff: { curve: 'fixed', delayMs: 60_000, jitter: 0 } }
    const job = await run([{ name: 'angry', task: 'own.angry', retry }])
    await until(async () => (await trunkline.get(job.id)).reason === 'scheduled')
    expect(await states(job.id)).toEqual(['angry waiting'])
    await trunkline.promote(job.id)
    await ended(job.id)
    expect(await trunkline.get(job.id)).toMatchObject({ state: 'failed', attempt: 1 })
    expect(ran).toEqual(['angry ', 'angry '])
    expect((await trunkline.steps(job.id))[0]).toMatchObject({ state: 'failed', tries: 2 })
  })
})

describe('what is refused', () => {
  const payload = (more: object) => ({
    steps: [sql('a', 'select 1'), { name: 'b', task: 'sql_run', payload: { sql: 'select 1' }, ...more }],
  })
  test.each([
    ['a timeout that is none', payload({ timeoutMs: 'soon' }), 'payload.steps[1].timeoutMs'],
    ['an unknown key', payload({ retries: 3 }), 'payload.steps[1]'],
    ['a rule that is none', payload({ onError: 'panic' }), 'payload.steps[1].onError'],
    ['a name twice', payload({ name: 'a' }), 'payload.steps[1].name'],
    ['a payload that its task refuses', payload({ payload: { sql: 1 } }), 'payload.steps[1].payload.sql'],
    ['a backoff that is none', payload({ retry: { attempts: 2, backoff: { jitter: 2 } } }), 'payload.steps[1].retry.backoff.jitter'],
    ['steps of steps', payload({ task: 'steps_run', payload: { steps: [] } }), 'payload.steps[1].task'],
    ['no steps', { steps: [] }, 'payload.steps'],
  ])('%s', async (_, bad, field) => {
    await expect(trunkline.enqueue(stepsRun, bad)).rejects.toMatchObject({ code: 'invalid_payload', field })
  })

  test('a task that the worker does not have, or that runs in batches: before the first step begins', async () => {
    for (const [task, code, message] of [
      ['own.nte', 'unknown_task', /^step "second": .*did you mean "own.note"/],
      ['own.many', 'invalid_payload', /payload\.steps\[1\]\.task: own.many runs in batches/],
    ] as const) {
      const job = await run([sql('first', 'select 1'), { name: 'second', task }])
      await ended(job.id)
      expect(await trunkline.get(job.id)).toMatchObject({
        state: 'failed',
        error: { code, message: expect.stringMatching(message) },
      })
      expect(await trunkline.steps(job.id)).toEqual([])
    }
  })

  test('a command, unless whoever started the worker allowed it', async () => {
    const others = builtInTasks({ ...environment, shell: { allowed: false } })
    const strict = await trunkline.work(others, { queues: ['strict'], keeper: false })
    const job = await run([{ name: 'shell', task: 'shell_run', payload: { command: 'true' } }], { queue: 'strict' })
    await ended(job.id)
    expect((await trunkline.get(job.id)).error?.message).toMatch(/^step "shell": .*not allowed/)
    await strict.stop()
  })
})

describe('a worker that dies', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })
  async function startWorkerProcess(): Promise<ChildProcess> {
    const child = await startReadyProgram(new URL('./steps-process-fixture.mts', import.meta.url), db.url)
    children.push(child)
    return child
  }

  test('by kill -9 in a step: the next one goes on at that step, and what was finished is not done again', async () => {
    await db.rows('create table done(step text)')
    const first = await startWorkerProcess()
    const job = await run(
      [
        sql('one', `insert into done values ('one')`),
        sql('two', `select pg_sleep(case (select count(*) from done) when 1 then 60 else 0 end)`),
        sql('three', `insert into done values ('three')`),
      ],
      { queue: 'killed' },
    )
    await until(async () => (await states(job.id)).includes('two running'))
    first.kill('SIGKILL')
    await until(() => first.signalCode === 'SIGKILL')
    await db.rows(`insert into done values ('the second time it need not wait')`)
    await until(async () => (await states(job.id)).includes('two crashed'))
    await startWorkerProcess()
    await job.result()
    expect((await db.rows('select step from done order by 1')).map((r) => r.step)).toEqual([
      'one',
      'the second time it need not wait',
      'three',
    ])
    const steps = await trunkline.steps(job.id)
    expect(steps).toMatchObject([
      { name: 'one', state: 'completed', attempt: 1, tries: 1, earlier: [] },
      { name: 'two', state: 'completed', attempt: 2, tries: 2, earlier: [{ attempt: 1, state: 'crashed' }] },
      { name: 'three', state: 'completed', attempt: 2, tries: 1 },
    ])
    expect((await trunkline.logs(job.id, { stage: 'two' })).map((l) => l.message)).toContain(
      'step "two" begins again: its worker died or was lost while it ran',
    )
    expect((await trunkline.timeline(job.id)).attempts.map((a) => a.state)).toEqual(['crashed', 'completed'])
  }, 60_000)
})
