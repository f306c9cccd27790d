// An agent that kills itself before the n-th statement that it sends, as kill -9 at that moment would.
import { type Database, openDatabase } from '@trunkline/engine/postgres'
import { createAgent } from './agent.ts'

const { DATABASE_URL = '', KILL_AT = '', STEP_USER = '' } = process.env
let left = Number(KILL_AT)

/** Dies at its turn; a killed process takes no leave. */
async function counted<T>(work: () => Promise<T>): Promise<T> {
  if (--left === 0) process.kill(process.pid, 'SIGKILL')
  return await work()
}

const real = openDatabase({ connectionString: DATABASE_URL, applicationName: 'doomed agent' })
const database: Database = {
  ...real,
  direct: real.direct,
  run: (statement, values, on) => counted(() => real.run(statement, values, on)),
  transaction: (work, profile) => counted(() => real.transaction(work, profile)),
}
const agent = createAgent({ database, stepUser: { user: STEP_USER, password: 'sekret' }, pollMs: 60_000 })
await agent.runOnce()
await agent.stop()
await real.close()
console.log(`survived with ${left} left`)
