import { request } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const address = await scene.server.start()
afterAll(() => scene.server.stop())

const keys = (n: number) => `{${Array.from({ length: n }, (_, i) => `"k${i}":0`).join(',')}}`
const deep = (n: number) => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`

test.each([
  ['a body above 1 MiB', () => `{"task":"t","payload":"${'x'.repeat(1024 * 1024)}"}`, 413, 'body_too_large'],
  ['65 levels', () => `{"task":"t","payload":${deep(64)}}`, 400, 'invalid_body'],
  ['10,001 keys', () => `{"task":"t","payload":${keys(9999)}}`, 400, 'invalid_body'],
  ['a million brackets', () => '['.repeat(1_000_000), 400, 'invalid_body'],
])('%s', async (_name, body, status, code) => {
  expect((await owner('POST', '/jobs', body())).body).toMatchObject({ status, code })
})

test('an address above 8 kB and more than 200 parameters', async () => {
  expect((await owner('GET', `/jobs?tags=${'x'.repeat(9000)}`)).status).toBe(400)
  expect((await owner('GET', `/jobs?${'tags=a&'.repeat(201)}`)).status).toBe(400)
})

/** Over a socket: what node itself refuses. */
function send(headers: Record<string, string>, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(`${address}/api/v1/jobs`, { method: body === undefined ? 'GET' : 'POST', headers, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    call.on('error', reject)
    if (body === undefined) call.end()
    // the rest never comes
    else call.write(body)
  })
}

test('headers above 16 kB', async () => {
  expect(await send({ 'x-long': 'x'.repeat(20_000) })).toBe(431)
})

test('strangers make nobody read their body', async () => {
  expect(await send({ 'content-type': 'application/json', 'content-length': '1048000' }, '{')).toBe(401)
})

test('all of that again and again takes no memory that stays', async () => {
  const body = `{"task":"t","payload":"${'x'.repeat(1_000_000)}"}`
  for (let i = 0; i < 5; i++) await owner('POST', '/jobs', body)
  const before = process.memoryUsage.rss()
  for (let i = 0; i < 20; i++) await owner('POST', '/jobs', i % 2 ? body : '['.repeat(1_000_000))
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024)
})
