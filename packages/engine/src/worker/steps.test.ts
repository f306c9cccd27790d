import { expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { workerScene } from '../../../../test/support/worker-scene.ts'
import { Snooze } from '../jobs/fate.ts'
import { recover } from '../jobs/recover.ts'
import { runTask } from '../testing/run-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const retry = { attempts: 4, backoff: { curve: 'fixed', delay: 1, jitter: 0 } }

test('what a step has returned is kept through failed tries, snoozes and a retry by a person; it is not run again', async () => {
  const scene = workerScene(trunkline)
  const ran: string[] = []
  let angry = true
  let snoozed = false
  const task = scene.task(
    async ({ step, input }) => {
      const first = await step.run('first', () => {
        ran.push('first')
        return { at: new Date(0), n: 1 }
      })
      if (!snoozed) {
        snoozed = true
        throw new Snooze(1)
      }
      const second = await step.run('second', async () => {
        ran.push('second')
        if (angry) throw new Error('not yet')
      })
      return { first, second: second ?? 'nothing', input }
    },
    { retry: { ...retry, attempts: 2 } },
  )
  const worker = await scene.work([task])
  const job = await trunkline.enqueue(task, 7)
  await until(async () => (await trunkline.get(job.id)).state === 'failed')
  expect(ran).toEqual(['first', 'second', 'second'])
  angry = false
  const again = await trunkline.retry(job.id)
  expect(await again.result()).toEqual({ first: { at: '1970-01-01T00:00:00.000Z', n: 1 }, second: 'nothing', input: 7 })
  expect(ran).toEqual(['first', 'second', 'second', 'second'])
  const steps = await trunkline.steps(job.id)
  expect(steps.map(({ name, attempt, result }) => ({ name, attempt, result }))).toEqual([
    { name: 'first', attempt: 1, result: { at: '1970-01-01T00:00:00.000Z', n: 1 } },
    { name: 'second', attempt: 3, result: null },
  ])
  // a re-run is another job, and begins anew
  const rerun = await trunkline.rerun(job.id)
  await rerun.result()
  expect(ran.filter((name) => name === 'first').length).toBe(2)
  await worker.stop()
})

test('a crash between two steps costs the second only; who has lost the job keeps nothing', async () => {
  const scene = workerScene(trunkline)
  const ran: string[] = []
  const waiting: (() => void)[] = []
  const refused: unknown[] = []
  const task = scene.task(
    async ({ step, attempt }) => {
      await step.run('first', () => void ran.push('first'))
      if (attempt > 1) return
      await new Promise<void>((resolve) => waiting.push(resolve))
      await step.run('second', () => 1).catch((error) => refused.push(error.code))
    },
    { retry },
  )
  const worker = await scene.work([task], { heartbeatMs: 60_000 })
  const job = await trunkline.enqueue(task, 1)
  await until(() => waiting.length > 0)
  await recover(db.link('walk'), -60_000, 3, [Number(worker.id)])
  for (const go of waiting) go()
  await until(() => refused.length > 0)
  expect(refused).toEqual(['lease_lost'])
  const other = await scene.work([task])
  await job.result()
  expect(ran).toEqual(['first'])
  expect((await trunkline.steps(job.id)).map((s) => s.name)).toEqual(['first'])
  await other.stop()
  await worker.stop()
})

test('names, results that cannot be kept, and lines under the name of their step', async () => {
  const scene = workerScene(trunkline)
  const codes: string[] = []
  const task = scene.task(async ({ step, log }) => {
    const code = async (work: () => Promise<unknown>) =>
      codes.push(
        await work().then(
          () => 'ok',
          (error) => error.code,
        ),
      )
    await code(() => step.run('a', () => log.info('said by a')))
    await code(() => step.run('a', () => 1))
    await code(() => step.run('', () => 1))
    await code(() => step.run('x'.repeat(129), () => 1))
    await code(() => step.run('big', () => 'x'.repeat(2_000_000)))
    await code(() => step.run('odd', () => 1n))
  })
  const worker = await scene.work([task])
  const job = await trunkline.enqueue(task, 1)
  await job.result()
  expect(codes.slice(0, 4)).toEqual(['ok', 'invalid_option', 'invalid_option', 'invalid_option'])
  for (const code of codes.slice(4)) expect(code).toMatch(/^(payload|result)_/)
  expect((await trunkline.logs(job.id)).find((line) => line.message === 'said by a')?.stage).toBe('a')
  await worker.stop()
})

test('a plan and options: what waits, runs and failed is seen, tries are counted, and another worker’s step is refused', async () => {
  const scene = workerScene(trunkline)
  const signals: boolean[] = []
  const codes: string[] = []
  const task = scene.task(
    async ({ step, tasks }) => {
      const before = await step.plan([{ name: 'extract' }, { name: 'load', task: 'mine' }, { name: 'tidy' }])
      const twice = { retry: { attempts: 2, backoff: { curve: 'fixed', delay: 1 } as const } }
      await step.run(
        'extract',
        ({ attempt }) => {
          if (attempt === 1) throw new Error('once')
          return attempt
        },
        twice,
      )
      await step
        .run('load', ({ signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason), { once: true })), {
          timeout: 20,
        })
        .catch((error) => codes.push(error.code))
      await step.skip(['tidy', 'load'])
      for (const bad of [{ timeout: 'soon' }, { retries: 1 }, { retry: { attempts: 0 } }]) {
        await step.run(`bad ${signals.push(true)}`, () => 1, bad as object).catch((error) => codes.push(error.code))
      }
      return { before: [...before], served: [...tasks.keys()] }
    },
    { retry: { attempts: 1 } },
  )
  const worker = await scene.work([task])
  const job = await trunkline.enqueue(task, 1)
  expect(await job.result()).toEqual({
    before: [
      ['extract', 'waiting'],
      ['load', 'waiting'],
      ['tidy', 'waiting'],
    ],
    served: [task.name],
  })
  expect(codes).toEqual(['timeout', 'invalid_duration', 'unknown_option', 'invalid_option'])
  expect(await trunkline.steps(job.id)).toMatchObject([
    {
      name: 'extract',
      task: null,
      state: 'completed',
      tries: 2,
      result: 2,
      error: null,
      earlier: [{ attempt: 1, state: 'failed', error: { message: 'once' } }],
    },
    { name: 'load', task: 'mine', state: 'failed', tries: 1, error: { code: 'timeout' }, earlier: [] },
    { name: 'tidy', state: 'skipped', tries: 0, startedAt: null, finishedAt: null, durationMs: null },
  ])
  expect((await trunkline.get(job.id)).progress).toMatchObject({ total: 3, unit: 'steps' })
  await worker.stop()
})

test('without a database: runTask is given what earlier executions have finished', async () => {
  const scene = workerScene(trunkline)
  const task = scene.task(async ({ step }) => [await step.run('a', () => 'ran'), await step.run('b', () => 'ran')])
  expect((await runTask(task, 1, { steps: { a: 'kept' } })).result).toEqual(['kept', 'ran'])
})
