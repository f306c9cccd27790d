import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, type TaskContext } from '../jobs/define-task.ts'
import { FatalError, Snooze } from '../jobs/fate.ts'
import { runTask, runTaskBatch } from './index.ts'

const tx = { query: async () => ({ rows: [] }) }

describe('a handler that is run without a database', () => {
  test('gives result, log, progress and counts', async () => {
    const resize = defineTask('resize', {
      input: z.object({ width: z.number().default(200) }),
      run({ input, log, job, attempt }) {
        log.setStage('Resizing')
        log.setTotal(input.width, 'lines')
        log.incrementProgress(input.width / 2)
        log.addOutcome('updates', 3)
        log.warn('half of it', { job: job.task, attempt })
        return { bytes: input.width * 3 }
      },
    })
    const run = await runTask(resize, {}, { attempt: 2 })
    expect(run).toMatchObject({ how: 'completed', result: { bytes: 600 }, error: null, delayMs: null, outcome: { updates: 3 } })
    expect(run.progress).toEqual({ stage: 'Resizing', current: 100, total: 200, unit: 'lines', percent: 50 })
    expect(run.log[1]).toEqual({ level: 'warn', stage: 'Resizing', message: 'half of it', context: { job: 'resize', attempt: 2 } })
    expect(run.log.at(-1)?.message).toMatch(/^Summary: Resizing \(100 \/ 200\); 3 updates; \d+ ms$/)
  })

  const fails = (run: (context: TaskContext<unknown>) => unknown, rest = {}) =>
    defineTask('fails', { retry: { attempts: 2, backoff: { curve: 'fixed', delay: 50, jitter: 0 } }, run, ...rest })

  test('tells its fate: retried, failed at the last attempt, failed for good, snoozed', async () => {
    const broken = fails(() => {
      throw Object.assign(new Error('no'), { code: 'ENO' })
    })
    expect(await runTask(broken, 1)).toMatchObject({ how: 'retrying', delayMs: 50, error: { message: 'no', code: 'ENO' } })
    expect(await runTask(broken, 1, { attempt: 2 })).toMatchObject({ how: 'failed', error: { reason: 'attempts_used' }, delayMs: null })
    const fatal = fails(() => {
      throw new FatalError('stolen')
    })
    expect(await runTask(fatal, 1)).toMatchObject({ how: 'failed', error: { message: 'stolen', reason: 'fatal' } })
    const sleepy = fails(() => {
      throw new Snooze('5m')
    })
    expect(await runTask(sleepy, 1)).toMatchObject({ how: 'snoozed', delayMs: 300_000, error: null })
  })

  test('goes through schema, rules, timeout, signal and middleware as in a worker', async () => {
    const strict = defineTask('strict', { input: z.object({ n: z.number() }), run: () => {} })
    expect(await runTask(strict, { n: 'one' } as never)).toMatchObject({ how: 'failed', error: { code: 'invalid_payload' } })
    const ruled = fails(
      () => {
        throw new Error('slow down')
      },
      { retry: { rules: [{ message: 'slow', fate: 'snooze', delay: '30s' }] } },
    )
    expect(await runTask(ruled, 1)).toMatchObject({ how: 'snoozed', delayMs: 30_000 })
    const waits = ({ signal }: TaskContext<unknown>) =>
      new Promise((_resolve, reject) => {
        if (signal.aborted) reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    expect(await runTask(fails(waits, { timeout: 20 }), 1)).toMatchObject({ how: 'retrying', error: { code: 'timeout' } })
    const stop = new AbortController()
    const running = runTask(fails(waits), 1, { signal: stop.signal })
    stop.abort()
    expect(await running).toMatchObject({ how: 'cancelled', result: undefined })
    expect(await runTask(fails(waits), 1, { signal: AbortSignal.abort() })).toMatchObject({ how: 'cancelled' })
    const middleware = [async (_: unknown, next: () => Promise<unknown>) => [await next()]]
    expect(
      await runTask(
        fails(() => 1),
        1,
        { middleware },
      ),
    ).toMatchObject({ result: [1] })
  })

  test('completes at once where it completes in its own transaction, and keeps what was said before', async () => {
    const own = defineTask('own', {
      async run({ complete, assertLease, log }) {
        await assertLease(tx)
        log.info('before')
        await complete(tx, { paid: 5 })
        log.info('after')
      },
    })
    const run = await runTask(own, null)
    expect(run).toMatchObject({ how: 'completed', result: { paid: 5 } })
    expect(run.log.map((line) => line.message)).toEqual(['before'])
  })
})

describe('a batch handler', () => {
  const index = defineTask('index', {
    batch: { size: 3 },
    runBatch({ jobs }) {
      for (const { input, log, fail } of jobs.map((j) => ({ input: j.input, log: j.log, fail: (e: Error) => j.fail(e) }))) {
        log.info(`saw ${input}`)
        if (input === 'bad') fail(new Error('bad word'))
      }
    },
  })

  test('ends each job by itself', async () => {
    const runs = await runTaskBatch(index, ['good', 'bad'])
    expect(runs).toMatchObject([
      { how: 'completed', log: [{ message: 'saw good' }] },
      { how: 'retrying', error: { message: 'bad word' } },
    ])
    expect(await runTask(index, 'one')).toMatchObject({ how: 'completed' })
  })

  test('is told how many it takes', async () => {
    await expect(runTaskBatch(index, [])).rejects.toMatchObject({ code: 'invalid_option', field: 'payloads' })
    await expect(runTaskBatch(index, [1, 2, 3, 4])).rejects.toThrow('1 to 3')
    const single = defineTask('single', { run: () => {} })
    await expect(runTaskBatch(single, [1])).rejects.toMatchObject({ code: 'invalid_option', field: 'task' })
  })
})

test('bad options and payloads are refused', async () => {
  const noop = defineTask('noop', { run: () => {} })
  await expect(runTask(noop, 1, { attempt: 0 })).rejects.toMatchObject({ code: 'invalid_option', field: 'attempt' })
  await expect(runTask(noop, 1, { signal: 'stop' as never })).rejects.toMatchObject({ code: 'invalid_option', field: 'signal' })
  await expect(runTask(noop, 1, { atempt: 2 } as object)).rejects.toMatchObject({ code: 'unknown_option', message: /attempt/ })
  await expect(runTask(noop, 1n)).rejects.toMatchObject({ code: 'payload_not_json' })
})
