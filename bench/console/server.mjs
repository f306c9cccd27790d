// The server of npm run bench:console, in a process of its own.
import { fileURLToPath } from 'node:url'
import { addAccount, createServer } from '../../packages/server/dist/index.js'
import { serverSettings } from '../../packages/server/dist/settings.js'

const server = await createServer({
  database: { connectionString: process.env.DATABASE_URL },
  settings: serverSettings.parse({ port: 0, limits: { requestsPerMinute: 1_000_000, loginsPerMinute: 1000 } }),
  dataDir: process.env.BENCH_DATA,
  backups: async () => [],
  consoleDir: fileURLToPath(new URL('../../packages/trunkline/dist/console/', import.meta.url)),
  version: 'bench',
})
const address = await server.start()
const email = 'owner@example.com'
const password = 'correct-horse-battery-9'
await addAccount(server.service.database, { email, password, role: 'owner', rights: ['payload.read'] })
process.on('SIGTERM', async () => {
  await server.stop()
  process.exit(0)
})
process.send({ address, email, password })
