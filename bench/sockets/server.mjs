// The server of npm run bench:sockets, in a process of its own.
import { addFirstOwner, createServer } from '../../packages/server/dist/index.js'
import { serverSettings } from '../../packages/server/dist/settings.js'
import { pause } from '../measure.mjs'

let server
const answers = {
  async start() {
    server = await createServer({
      database: { connectionString: process.env.DATABASE_URL },
      settings: serverSettings.parse({ port: 0, limits: { requestsPerMinute: 1_000_000 } }),
      dataDir: process.env.BENCH_DATA,
      version: 'bench',
    })
    const address = await server.start()
    const email = 'owner@example.com'
    const password = 'correct-horse-battery-9'
    await addFirstOwner(server.service.database, { email, password })
    const account = await server.service.identity.login(email, password)
    const { token } = await server.service.identity.token(account)
    return { address, token }
  },
  async memory() {
    for (let i = 0; i < 3; i++) {
      global.gc?.()
      await pause(100)
    }
    return { rss: process.memoryUsage.rss() }
  },
  /** Sends more than any buffer takes to those who hear everything; answers the most memory that was seen. */
  async flood({ megabytes }) {
    const text = 'x'.repeat(100_000)
    let rss = 0
    for (let i = 0; i < megabytes * 10; i++) {
      server.sockets.io.of('/jobs').to('all:@*').emit('alert', { text })
      await pause(5)
      rss = Math.max(rss, process.memoryUsage.rss())
    }
    return { rss, cut: server.sockets.cut() }
  },
}
process.on('message', async ({ no, what, given }) => process.send({ no, answer: await answers[what](given) }))
process.on('SIGTERM', async () => {
  await server?.stop()
  process.exit(0)
})
