// npm run bench:sockets [-- --sockets 10000 --room 100 --rate 200 --seconds 60 --offline 300]: one server process, its clients in a process
// of their own, jobs as they come from producers: memory for each socket, how long an event takes from the job to its whole room, what a
// client sees after a break, and what a client costs that never reads.
import { fork, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../packages/trunkline/dist/embedded.js'
import { defineTask, Trunkline } from '../packages/trunkline/dist/index.js'
import { frame, pause, percentile, processorTime } from './measure.mjs'
import { readOptions } from './options.mjs'

const asked = readOptions({ sockets: 10_000, room: 100, rate: 200, seconds: 60, offline: 300 })
const warmUpSeconds = 5
const rooms = Math.ceil(asked.sockets / asked.room)
// each socket is a file on both sides
const files = Number(spawnSync('sh', ['-c', 'ulimit -n']).stdout.toString())
if (files < asked.sockets + 500)
  console.error(`warning: ${files} open files are allowed; ${asked.sockets} sockets need more: ulimit -n 65536`)

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-sockets-'))
const database = await startEmbedded({ dataDir })
const connectionString = database.connectionString()
const trunkline = await Trunkline.connect({ connectionString, migrate: true })
const noop = defineTask('noop', { run() {} })

function child(file, environment) {
  const made = fork(new URL(file, import.meta.url), {
    execArgv:
      process.env.BENCH_PROFILE && file.includes('server') ? ['--expose-gc', '--cpu-prof', '--cpu-prof-dir=/tmp/prof'] : ['--expose-gc'],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const waiting = new Map()
  let last = 0
  made.on('message', ({ no, answer }) => waiting.get(no)?.(answer))
  const gone = new Promise((resolve) => made.once('exit', resolve))
  return {
    pid: made.pid,
    ask: (what, given = {}) =>
      new Promise((resolve) => {
        waiting.set(++last, resolve)
        made.send({ no: last, what, given })
      }),
    async stop() {
      made.kill('SIGTERM')
      await gone
    },
  }
}
const residentOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024

const server = child('./sockets/server.mjs', { DATABASE_URL: connectionString, BENCH_DATA: dataDir })
const { address, token } = await server.ask('start')
const clients = child('./sockets/clients.mjs', { BENCH_URL: address, BENCH_TOKEN: token })
await trunkline.enqueueMany(noop, [{}], { queue: 'room-0', tags: ['mine'] })

await pause(500)
const before = await server.ask('memory')
const begun = performance.now()
await clients.ask('connect', { sockets: asked.sockets, rooms })
const connectMs = performance.now() - begun
await pause(2000)
const after = await server.ask('memory')
const each = (after.rss - before.rss) / asked.sockets

// somebody sees a list, and goes offline for a while
await clients.ask('offline', { queue: 'room-0' })
const offlineSince = performance.now()

const worker = await trunkline.work([noop], { concurrency: 5 })
let made = 0
const cpuBefore = { server: processorTime(server.pid), clients: processorTime(clients.pid) }
const loadBegun = performance.now()
const load = async (untilMs) => {
  const start = performance.now()
  let n = 0
  while (performance.now() - start < untilMs) {
    const due = Math.floor(((performance.now() - start) / 1000) * asked.rate)
    for (; n < due; n++) {
      trunkline
        .enqueue(noop, {}, { queue: `room-${made++ % rooms}`, delay: '1h', tags: made % rooms === 1 ? ['mine'] : ['other'] })
        .catch(() => {})
    }
    await pause(5)
  }
}
await load(asked.seconds * 1000)
await pause(1500)
const heard = await clients.ask('figures')
const seconds = (performance.now() - loadBegun) / 1000
const perEvent = (of) => ((processorTime(of.pid) - cpuBefore[of === server ? 'server' : 'clients']) / heard.events).toFixed(1)
const costs = `${perEvent(server)} µs of processor time an event in the server, ${perEvent(clients)} µs in its clients`

// a client that never reads, in a room that hears everything
const { hostname, port } = new URL(address)
const quiet = residentOf(server.pid)
const stuck = connect(Number(port), hostname)
stuck.on('error', () => {})
await new Promise((resolve) => stuck.once('connect', resolve))
stuck.write(
  `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
)
await new Promise((resolve) => stuck.once('data', resolve))
stuck.write(frame(`40/jobs,${JSON.stringify({ token })}`))
await new Promise((resolve) => stuck.once('data', resolve))
stuck.write(frame('42/jobs,["subscribeAll"]'))
await pause(300)
stuck.pause()
const peak = await server.ask('flood', { megabytes: 100 })
const stuckCost = Math.max(0, peak.rss - quiet)
stuck.destroy()

const left = asked.offline * 1000 - (performance.now() - offlineSince)
if (left > 0) await pause(left)
const view = await clients.ask('online', { queue: 'room-0' })

await worker.stop()
await clients.stop()
await server.stop()
await trunkline.close()
await database.stop()
rmSync(dataDir, { recursive: true, force: true })

const kB = (bytes) => `${(bytes / 1024).toFixed(1)} kB`
// code that has just been loaded is slow for a moment: that moment is told by itself
const warmUp = asked.rate * warmUpSeconds
const [early, steady] = [heard.latencies.slice(0, warmUp), heard.latencies.slice(warmUp)]
const ms = (of, share) => `${percentile(of, share).toFixed(0)} ms`
const rows = [
  [`memory of a socket, of ${asked.sockets.toLocaleString('en-US')}`, kB(each), 'under 25 kB', each < 25 * 1024],
  ['an update reaches its room, p50', ms(steady, 0.5), '', true],
  [
    `an update reaches its room, p99, at ${asked.rate}/s in rooms of ${asked.room}`,
    ms(steady, 0.99),
    'under 250 ms',
    percentile(steady, 0.99) < 250,
  ],
  [`the same in the first ${warmUpSeconds} s`, `p50 ${ms(early, 0.5)}, p99 ${ms(early, 0.99)}`, '', true],
  ['updates that reached every member of their room', `${heard.whole} of ${made}`, 'all', heard.whole === made],
  [
    `the view after ${asked.offline} s offline equals REST`,
    `${view.equal ? 'equal' : 'differs'} after ${view.ms} ms, ${view.jobs} jobs`,
    'within 2,000 ms',
    view.equal && view.ms < 2000,
  ],
  ['a client that never reads', `${(stuckCost / 1e6).toFixed(1)} MB`, 'under 20 MB', stuckCost < 20e6],
]
console.log(
  `${asked.sockets} sockets connected in ${(connectMs / 1000).toFixed(1)} s; ${made} updates in ${seconds.toFixed(0)} s, ${heard.events} events heard; ${costs}\n`,
)
console.log('| what | found | wanted | |\n|---|---|---|---|')
for (const [what, found, wanted, holds] of rows)
  console.log(`| ${what} | ${found} | ${wanted} | ${holds ? 'holds' : '**does not hold**'} |`)
process.exitCode = rows.every(([, , , holds]) => holds) ? 0 : 1
