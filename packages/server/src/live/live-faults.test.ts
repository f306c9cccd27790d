import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { io, type Socket } from 'socket.io-client'
import { afterAll, expect, test } from 'vitest'
import { startProxy } from '../../../../test/chaos/proxy.ts'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../../../engine/src/index.ts'
import { addAccount } from '../door/accounts.ts'
import { createServer, type Server } from '../server.ts'
import { serverSettings } from '../settings.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const proxy = await startProxy(db.url)
const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-live-'))
const noop = defineTask('faults.noop', { run: () => 'done' })
const secret = 'a secret that both servers share, long enough'

async function newServer(connectionString: string): Promise<{ server: Server; address: string }> {
  const server = await createServer({
    database: { connectionString },
    settings: serverSettings.parse({ port: 0, secret }),
    dataDir,
    version: 'test',
  })
  return { server, address: await server.start() }
}

const one = await newServer(proxy.through(db.url))
const two = await newServer(db.url)
const account = await addAccount(two.server.service.database, {
  email: 'admin@example.com',
  password: 'correct-horse-battery-9',
  role: 'admin',
})
const { token } = await two.server.service.identity.token(account)
const worker = await trunkline.work([noop], { pollMs: 20 })
const sockets: Socket[] = []

afterAll(async () => {
  for (const socket of sockets) socket.close()
  await worker.stop()
  await Promise.all([one.server.stop(), two.server.stop()])
  await proxy.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function listen(address: string): Promise<{ socket: Socket; ended: string[] }> {
  const socket = io(`${address}/jobs`, { auth: { token }, transports: ['websocket'] })
  sockets.push(socket)
  const ended: string[] = []
  socket.on('jobCompleted', (event) => ended.push(event.jobId))
  await new Promise((resolve) => socket.once('connected', resolve))
  expect(await socket.timeout(10_000).emitWithAck('subscribeList', { filter: {} })).toMatchObject({ ok: true })
  return { socket, ended }
}

const run = async () => {
  const job = await trunkline.enqueue(noop, {})
  await job.result()
  return job.id
}

test('the database goes away: 503 with Retry-After within 3 s, sockets stay, and what happened meanwhile is told when it is back', async () => {
  const { socket, ended } = await listen(one.address)
  let cut = 0
  socket.on('disconnect', () => cut++)
  const before = await run()
  await until(() => ended.includes(before))
  for (const kind of ['reset', 'blackhole'] as const) {
    proxy.set({ kind: 'blackhole' })
    if (kind === 'reset') proxy.reset()
    const begun = performance.now()
    const answer = await fetch(`${one.address}/api/v1/jobs/stats`, { headers: { authorization: `Bearer ${token}` } })
    expect(performance.now() - begun).toBeLessThan(3000)
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer.json()).toMatchObject({ code: 'database_unavailable', status: 503 })
    expect((await fetch(`${one.address}/healthz`)).status).toBe(200)
    expect((await fetch(`${one.address}/readyz`)).status).toBe(503)
    const missed = [await run(), await run()]
    proxy.set({ kind: 'pass' })
    proxy.reset()
    await until(() => missed.every((id) => ended.includes(id)), 'what was missed to be told', 10_000)
    const ready = async () => (await fetch(`${one.address}/readyz`)).status === 200
    await until(ready, 'the server to be ready again', 15_000)
  }
  expect(cut).toBe(0)
  expect(new Set(ended).size).toBe(ended.length)
}, 90_000)

test('two servers: each client hears each end once, whichever it is connected to', async () => {
  const [here, there] = await Promise.all([listen(one.address), listen(two.address)])
  const jobs = await trunkline.enqueueMany(noop, new Array(40).fill({}))
  await Promise.all(jobs.map((job) => job.result()))
  for (const { ended } of [here, there]) {
    await until(() => ended.length >= jobs.length)
    expect(ended.toSorted()).toEqual(jobs.map((job) => job.id).toSorted())
  }
})

test('a client that stops reading is cut at a megabyte; the others hear on', async () => {
  const { ended } = await listen(two.address)
  const { hostname, port } = new URL(two.address)
  const raw = connect(Number(port), hostname)
  raw.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  const frame = (text: string) => {
    const body = Buffer.from(text)
    const head =
      body.length < 126 ? Buffer.from([0x81, 0x80 | body.length]) : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 255])
    return Buffer.concat([head, Buffer.alloc(4), body])
  }
  let heard = ''
  raw.on('data', (part) => {
    heard += part.toString('latin1')
  })
  await until(() => heard.includes('101 Switching'))
  raw.write(frame(`40/jobs,${JSON.stringify({ token })}`))
  await until(() => heard.includes('40/jobs,'))
  raw.write(frame('42/jobs,7["subscribeAll"]'))
  await until(() => heard.includes('43/jobs,7['))
  const connected = () => two.server.sockets.count()
  const before = connected()
  raw.pause()
  // as a busy room does it: far more than a socket's own buffers take
  const heavy = { text: 'x'.repeat(100_000) }
  const begun = process.memoryUsage().rss
  for (let i = 0; i < 200 && two.server.sockets.cut() === 0; i++) {
    two.server.sockets.io.of('/jobs').to('all:@*').emit('alert', heavy)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await until(() => two.server.sockets.cut() === 1, 'the reader to be cut', 10_000)
  await until(() => connected() < before)
  expect(process.memoryUsage().rss - begun).toBeLessThan(60_000_000)
  raw.destroy()
  const id = await run()
  await until(() => ended.includes(id))
}, 60_000)
