// Started by a-flow-survives-killed-workers.test.ts: a worker that writes when its handlers begin and end into a file of its own, by the
// clock that all processes of a machine share.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineTask, Trunkline } from '../../packages/engine/src/index.ts'

const file = join(process.env.EFFECTS ?? '', String(process.pid))
const note = (what: string, id: string) => appendFileSync(file, `${what} ${process.hrtime.bigint()} ${id}\n`)
const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL ?? '' })
const retry = { attempts: 5, backoff: { curve: 'fixed', delay: 50 } } as const
const part = defineTask('flow.part', {
  queue: 'flow',
  retry,
  async run({ job }) {
    note('S', job.id)
    await new Promise((resolve) => setTimeout(resolve, 5 + (Number(job.id) % 30)))
    note('E', job.id)
    return 1
  },
})
const sum = defineTask('flow.sum', {
  queue: 'flow',
  retry,
  async run({ job, parents }) {
    note('S', job.id)
    let total = 0
    for (const { result } of await parents()) total += result as number
    note('E', job.id)
    return total
  },
})
const worker = await trunkline.work([part, sum], {
  concurrency: 10,
  heartbeatMs: 200,
  graceMs: 500,
  drainMs: 5000,
  keeper: { staleMs: 1200, sweepMs: 100, leaseMs: 600 },
})
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
