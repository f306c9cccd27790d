import { request } from 'node:http'
import { expect, test } from 'vitest'
import { scenePassword, serverScene } from '../../../../test/support/server-scene.ts'
import { socketListeners } from '../../../../test/support/socket-listener.ts'

const scene = await serverScene({ allowedOrigins: ['https://console.example.com'] })
const address = await scene.server.start()
const listener = socketListeners(address)
const viewer = await scene.user('viewer')
const from = (origin: string, cookie?: string) => ({ extraHeaders: { origin, ...(cookie ? { cookie } : {}) } })

async function sessionCookie(): Promise<string> {
  const login = await scene.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({ email: viewer.email, password: scenePassword, session: true }),
  })
  return String(login.headers['set-cookie']).split(';')[0] as string
}

/** The status of a WebSocket handshake that no client library has made. */
function upgrade(origin: string | null): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${address}/socket.io/?EIO=4&transport=websocket`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        ...(origin === null ? {} : { origin }),
      },
    })
    asked.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve(answer.statusCode)
    })
    asked.on('response', (answer) => resolve(answer.statusCode))
    asked.on('error', reject)
    asked.end()
  })
}

test.each(['https://evil.example.com', 'https://console.example.com.evil.example', 'http://console.example.com', 'null', 'file://'])(
  'the origin %s is refused at the handshake, by WebSocket and by polling, also with a good token',
  async (origin) => {
    expect(await upgrade(origin)).toBe(403)
    expect((await fetch(`${address}/socket.io/?EIO=4&transport=polling`, { headers: { origin } })).status).toBe(403)
    await expect(listener({ token: viewer.token }, from(origin))).rejects.toThrow()
  },
)

test('an allowed origin, our own, and a program without one come in', async () => {
  expect(await upgrade('https://console.example.com')).toBe(101)
  expect(await upgrade(address)).toBe(101)
  expect(await upgrade(null)).toBe(101)
  await listener({ token: viewer.token }, from('https://console.example.com'))
  await listener({ token: viewer.token })
})

test('the cookie counts only where the browser says that the page is an allowed one', async () => {
  const cookie = await sessionCookie()
  await listener({}, from('https://console.example.com', cookie))
  await expect(listener({}, { extraHeaders: { cookie } })).rejects.toMatchObject({ data: { code: 'unauthenticated' } })
  await expect(listener({}, from('https://evil.example.com', cookie))).rejects.toThrow()
})
