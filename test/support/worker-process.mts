// Started by a-crashed-worker-loses-no-job.test.ts: a worker that writes what its handlers do into a file of its own.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineTask, Trunkline } from '../../packages/engine/src/index.ts'

const file = join(process.env.EFFECTS ?? '', String(process.pid))
const note = (id: string, what: string) => appendFileSync(file, `${id} ${what}\n`)
const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL ?? '' })
const work = defineTask('chaos.work', {
  queue: 'chaos',
  retry: { attempts: 5, backoff: { curve: 'fixed', delay: 50 } },
  async run({ input, job, attempt, log }) {
    note(job.id, 'start')
    await new Promise((resolve) => setTimeout(resolve, 1 + (Number(job.id) % 7)))
    if (input.i % 20 === 0) log.info('seen')
    if (input.fails && attempt === 1) throw new Error('on purpose')
    note(job.id, 'end')
  },
})
const worker = await trunkline.work([work], {
  heartbeatMs: 200,
  graceMs: 500,
  drainMs: 5000,
  keeper: { staleMs: 1500, sweepMs: 100, leaseMs: 600 },
})
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
