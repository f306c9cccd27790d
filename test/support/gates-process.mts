// Started by limits-hold-while-workers-die.test.ts: two workers that write when their handlers begin and end into a file of their own, by
// the clock that all processes of a machine share.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineTask, Trunkline } from '../../packages/engine/src/index.ts'

const file = join(process.env.EFFECTS ?? '', String(process.pid))
const note = (what: string, id: string, key: string) => appendFileSync(file, `${what} ${process.hrtime.bigint()} ${id} ${key}\n`)
const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL ?? '' })
const work = defineTask('gated', {
  queue: 'gated',
  retry: { attempts: 10, backoff: { curve: 'fixed', delay: 30 } },
  async run({ input, job, attempt }) {
    const { c, o, i } = input as { c?: string; o?: string; i: number }
    const key = `${c ?? '-'} ${o ?? '-'}`
    note('S', job.id, key)
    await new Promise((resolve) => setTimeout(resolve, 1 + (i % 5)))
    note('E', job.id, key)
    if (i % 33 === 0 && attempt === 1) throw new Error('on purpose')
  },
})
const settings = { concurrency: 10, heartbeatMs: 200, graceMs: 500, drainMs: 5000, keeper: { staleMs: 1500, sweepMs: 100, leaseMs: 600 } }
const workers = [await trunkline.work([work], settings), await trunkline.work([work], { ...settings, keeper: false })]
process.once('SIGTERM', () => void Promise.all(workers.map((worker) => worker.stop())).then(() => process.exit(0)))
