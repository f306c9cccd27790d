// Started by steps-run.test.ts: a worker with the tasks that come with Trunkline, to be killed in a step.
import { tmpdir } from 'node:os'
import { fileSystemStorage, Trunkline } from '@trunkline/engine'
import { builtInTasks } from './index.ts'

const connectionString = process.env.DATABASE_URL ?? ''
const trunkline = await Trunkline.connect({ connectionString })
await trunkline.work(builtInTasks({ connectionString, storage: fileSystemStorage(tmpdir()) }), {
  concurrency: 2,
  queues: ['killed'],
  heartbeatMs: 200,
  graceMs: 200,
  keeper: { staleMs: 1500, sweepMs: 100, leaseMs: 500 },
})
console.log('ready')
