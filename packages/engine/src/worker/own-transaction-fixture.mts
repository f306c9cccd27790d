// Started by own-transaction.test.ts: a worker whose handler writes its effect and its completion in one transaction, then dies.
import pg from 'pg'
import { defineTask } from '../jobs/define-task.ts'
import { Trunkline } from '../trunkline.ts'

const connectionString = process.env.DATABASE_URL ?? ''
const trunkline = await Trunkline.connect({ connectionString })
const pay = defineTask('own.pay', {
  queue: 'own-process',
  async run({ job, complete, attempt }) {
    const client = new pg.Client({ connectionString })
    await client.connect()
    await client.query('begin')
    await client.query('insert into effect(job, attempt) values ($1, $2)', [job.id, attempt])
    await complete(client, { paid: attempt })
    if (process.env.DIE === 'before') process.kill(process.pid, 'SIGKILL')
    await client.query('commit')
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  },
})
await trunkline.work([pay], { concurrency: 1, heartbeatMs: 200, keeper: false })
console.log('ready')
