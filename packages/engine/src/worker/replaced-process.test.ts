import type { ChildProcess } from 'node:child_process'
import { afterEach, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { startReadyProgram } from '../../../../test/support/programs.ts'
import { defineTask } from '../jobs/define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process with one worker that may be ended from its heartbeat thread. */
async function startWorkerProcess(): Promise<ChildProcess> {
  const child = await startReadyProgram(new URL('./replaced-process-fixture.mts', import.meta.url), db.url)
  children.push(child)
  return child
}

const stub = { queue: 'process', run: () => {} }
const block = defineTask('process.block', { ...stub, timeout: 200, retry: { attempts: 1 } })
const crash = defineTask('process.crash', { ...stub, retry: { attempts: 1 } })
const hold = defineTask('process.hold', { ...stub, retry: { attempts: 1 } })

test('a handler that blocks the event loop for ever is failed as timeout, its process ends, and the other jobs go on elsewhere', async () => {
  const first = await startWorkerProcess()
  const held = await trunkline.enqueue(hold, { ms: 600 })
  await until(async () => (await held.get()).state === 'running')
  const blocked = await trunkline.enqueue(block, {})
  await expect(blocked.result()).rejects.toMatchObject({ cause: { code: 'timeout', reason: 'timeout' } })
  await until(() => first.signalCode === 'SIGKILL')
  await startWorkerProcess()
  // the thread had said goodbye for its process: the next sweep takes its jobs over, nobody waits for the stale time
  expect(await held.result()).toBe('held')
  expect(await held.get()).toMatchObject({ state: 'completed', attempt: 2 })
})

test('a job that kills its process is stopped after the third crash, and all good jobs are done', async () => {
  const good = await trunkline.enqueueMany(hold, new Array(200).fill({ ms: 0 }))
  const bad = await trunkline.enqueue(crash, {}, { priority: 50 })
  let starts = 0
  let running = true
  const keepRunning = (async () => {
    while (running) {
      const child = await startWorkerProcess()
      starts++
      await until(() => child.exitCode !== null || child.signalCode !== null || !running, 'the process', 60_000)
    }
  })()
  await expect(bad.result()).rejects.toMatchObject({ cause: { reason: 'crash_limit' } })
  await Promise.all(good.map((job) => job.result()))
  running = false
  await keepRunning
  expect(await bad.get()).toMatchObject({ state: 'failed', reason: 'crash_limit', attempt: 3 })
  expect(starts).toBeLessThanOrEqual(8)
}, 90_000)
