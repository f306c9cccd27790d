// A worker of the demo that is killed in the middle of a job, as machines die: first it is silent, then its job goes to another.
import { Trunkline } from '../../packages/engine/src/index.ts'
import { codeVersion } from '../../packages/trunkline/src/platform.ts'
import { demoTasks } from './tasks.ts'

const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL ?? '' })
const worker = await trunkline.work(demoTasks, { name: 'shop-3', version: codeVersion(), concurrency: 1, queues: ['etl'] })
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
