// Started by replaced-process.test.ts: a worker whose handlers block, kill the process, or just take their time.
import { defineTask } from '../jobs/define-task.ts'
import { Trunkline } from '../trunkline.ts'

const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL ?? '' })
const queue = 'process'
const tasks = [
  defineTask('process.block', {
    queue,
    timeout: 200,
    retry: { attempts: 1 },
    run() {
      for (;;);
    },
  }),
  defineTask('process.crash', { queue, retry: { attempts: 1 }, run: () => process.kill(process.pid, 'SIGKILL') }),
  defineTask('process.hold', {
    queue,
    retry: { attempts: 1 },
    async run({ input }) {
      await new Promise((resolve) => setTimeout(resolve, input.ms))
      return 'held'
    },
  }),
]
await trunkline.work(tasks, {
  concurrency: 2,
  heartbeatMs: 200,
  graceMs: 200,
  stuck: 'replace',
  onReplace: () => process.exit(75),
  keeper: { staleMs: 1500, sweepMs: 100, leaseMs: 500 },
})
console.log('ready')
