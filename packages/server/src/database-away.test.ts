import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { serverScene } from '../../../test/support/server-scene.ts'

/** A wire to the database that can be cut, or swallow everything. */
const wire = { mode: 'open' as 'open' | 'cut' | 'deaf', sockets: new Set<Socket>() }
let target = new URL('http://127.0.0.1')
const proxy = createServer((client) => {
  if (wire.mode === 'cut') return client.destroy()
  const upstream = connect(Number(target.port), target.hostname)
  for (const socket of [client, upstream]) {
    wire.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      client.destroy()
      upstream.destroy()
    })
  }
  client.on('data', (part) => wire.mode === 'open' && upstream.write(part))
  upstream.on('data', (part) => wire.mode === 'open' && client.write(part))
})
await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))
afterAll(() => proxy.close())

const scene = await serverScene({}, (url) => {
  target = new URL(url)
  const changed = new URL(url)
  changed.hostname = '127.0.0.1'
  changed.port = String((proxy.address() as AddressInfo).port)
  return changed.href
})
const operator = await scene.user('operator')

function set(mode: typeof wire.mode): void {
  wire.mode = mode
  if (mode !== 'deaf') for (const socket of wire.sockets) socket.destroy()
  if (mode !== 'deaf') wire.sockets.clear()
}

test.each(['cut', 'deaf'] as const)(
  'with a %s wire: 503 with Retry-After within 3 s, and all is well by itself afterwards',
  async (mode) => {
    expect((await operator('GET', '/queues')).status).toBe(200)
    set(mode)
    for (const [method, path, body] of [
      ['GET', '/queues', undefined],
      ['POST', '/jobs', { task: 't' }],
      ['POST', '/auth/login', { email: 'a@b.c', password: 'x' }],
      ['GET', '/readyz', undefined],
    ] as const) {
      const begun = performance.now()
      const { status, headers, text } = await operator(method, path, body)
      expect(status, `${method} ${path}: ${text}`).toBe(503)
      expect(headers['retry-after']).toBe('2')
      expect(performance.now() - begun, `${method} ${path}`).toBeLessThan(3000)
      expect(text).not.toMatch(/127\.0\.0\.1|ECONN|timeout/)
    }
    expect((await scene.anybody('GET', '/healthz')).status).toBe(200)
    set('open')
    await until(async () => (await operator('GET', '/queues')).status === 200, 'the database again')
    expect((await operator('GET', '/readyz')).body).toEqual({ status: 'ok' })
  },
)
