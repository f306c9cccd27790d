// npm run demo: fills the installation that runs (npm start) with a day of a shop, and works on it until Ctrl-C.
// --jobs <n>: also so many finished jobs, for measuring. --once: fills, works until nothing waits, and ends.
import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Trunkline } from '../../packages/engine/src/index.ts'
import { findEmbedded } from '../../packages/trunkline/src/embedded.ts'
import { codeVersion } from '../../packages/trunkline/src/platform.ts'
import { fill, trickle } from './fill.ts'
import { addFinished } from './finished.ts'
import { startPgAgent } from './pgagent.ts'
import { demoTasks } from './tasks.ts'

const { values } = parseArgs({ options: { jobs: { type: 'string' }, once: { type: 'boolean', default: false } } })

async function whereTo(): Promise<string> {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL
  const found = await findEmbedded({ dataDir: process.env.TRUNKLINE_DATA_DIR ?? '.trunkline' })
  if (found) return await found.connectionString()
  console.error('Nothing runs here: start it with "npm start" in another terminal, or set DATABASE_URL.')
  process.exit(1)
}

/** Kills a worker every two minutes, a few seconds after it has begun; ends with `signal`. */
async function killWorkers(DATABASE_URL: string, signal: AbortSignal): Promise<void> {
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {})
  while (!signal.aborted) {
    const child = fork(fileURLToPath(new URL('doomed-worker.ts', import.meta.url)), { env: { ...process.env, DATABASE_URL } })
    await wait(12_000)
    child.kill('SIGKILL')
    await wait(108_000)
  }
}

const connectionString = await whereTo()
const trunkline = await Trunkline.connect({ connectionString })
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

const version = codeVersion()
const workers = [
  await trunkline.work(demoTasks, { name: 'shop-1', version, concurrency: 8, queues: ['mail', 'billing', 'reports', 'media'] }),
  await trunkline.work(demoTasks, { name: 'shop-2', version, concurrency: 3, queues: ['etl'] }),
]
const known = await trunkline.schedules.list({ limit: 1 })
if (known.length === 0) {
  await fill(trunkline)
  console.log('A day of a shop: schedules, templates, flows, 300 jobs; some of them fail.')
} else console.log('The day is there already; work goes on.')
const pgagent = await startPgAgent(connectionString)
console.log(
  'Jobs of pgAgent are there as well; the console shows them where pgagent.enabled is true (TRUNKLINE_PGAGENT__ENABLED=true npm start).',
)
if (values.jobs) await addFinished(trunkline, Number(values.jobs))
if (values.once) {
  const isBusy = async () => (await trunkline.queues()).some(({ queue, due, paused }) => due > 0 && paused === null && queue !== 'letters')
  while (!stop.signal.aborted && (await isBusy())) await new Promise((resolve) => setTimeout(resolve, 500))
} else {
  console.log('Work comes in from now on, and every two minutes a worker dies in the middle of it; Ctrl-C ends it.')
  await Promise.all([trickle(trunkline, stop.signal), killWorkers(connectionString, stop.signal)])
}
await pgagent.stop()
await Promise.all(workers.map((worker) => worker.stop()))
await trunkline.close()
