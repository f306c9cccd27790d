import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { followConnections } from './connections.ts'

/** A listener whose answers are given by hand. */
async function listener() {
  const asked: ServerResponse[] = []
  const server = createServer((_request, response) => void asked.push(response))
  const connections = followConnections(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const call = async (text: string) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    let heard = ''
    socket.on('data', (part) => {
      heard += part
    })
    const arrived = once(server, text === '' ? 'connection' : 'request')
    socket.write(text)
    await arrived
    return { socket, heard: () => heard, closed: once(socket, 'close') }
  }
  return { server, connections, asked, call, closed: () => new Promise((resolve) => server.close(resolve)) }
}

const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('who has asked nothing does not hold up the end; who has asked is answered', async () => {
  const { connections, asked, call, closed } = await listener()
  const silent = await call('')
  const asking = await call(request)
  const end = closed()
  connections.end(60_000)
  await silent.closed
  expect(asking.socket.destroyed).toBe(false)
  asked[0]?.end('late, but here')
  await end
  expect(asking.heard()).toMatch(/late, but here/)
})

test('who gets no answer is let go after the time of grace', async () => {
  const { connections, call, closed } = await listener()
  const asking = await call(request)
  const begun = performance.now()
  connections.end(300)
  await Promise.all([closed(), asking.closed])
  expect(performance.now() - begun).toBeGreaterThanOrEqual(299)
  expect(asking.heard()).toBe('')
})

test('a server stops although a browser has opened a connection in advance', async () => {
  const { server } = await serverScene()
  const { hostname, port } = new URL(await server.start())
  const socket = connect(Number(port), hostname).on('error', () => {})
  await once(server.app.server, 'connection')
  await Promise.all([server.stop(), once(socket, 'close')])
})
