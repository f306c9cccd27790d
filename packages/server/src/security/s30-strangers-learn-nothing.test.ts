import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const viewer = await scene.user('viewer')
await scene.db.rows(`insert into trunkline.queue(name) values ('secret-project')`)
const from = (url: string, remoteAddress: string, headers: Record<string, string> = {}) =>
  scene.inject({ method: 'GET', url, remoteAddress, headers })

test('health says that the process is there, and nothing else', async () => {
  for (const url of ['/healthz', '/readyz']) {
    expect(await from(url, '192.0.2.7')).toMatchObject({ status: 200, body: { status: 'ok' }, text: '{"status":"ok"}' })
  }
})

test.each(['/metrics', '/api/docs/json', '/api/docs/'])('%s is for this machine and for those who are logged in', async (url) => {
  expect((await from(url, '192.0.2.7')).status).toBe(401)
  expect((await from(url, '127.0.0.1')).status).toBe(200)
  expect((await from(url, '192.0.2.7', { authorization: `Bearer ${viewer.token}` })).status).toBe(200)
  // a proxy on this machine speaks for somebody else
  expect((await from(url, '127.0.0.1', { 'x-forwarded-for': '192.0.2.7' })).status).toBe(401)
  expect((await from(url, '127.0.0.1', { forwarded: 'for=192.0.2.7' })).status).toBe(401)
})

test('what strangers get names no version, queue or host', async () => {
  for (const url of ['/', '/healthz', '/readyz', '/metrics', '/api/v1/system', '/api/v1/queues', '/api/v1/x', '/favicon.ico']) {
    const { text, headers } = await from(url, '192.0.2.7')
    expect(text + JSON.stringify(headers)).not.toMatch(/secret-project|0\.0\.0-test|fastify|PostgreSQL|v\d+\.\d+\.\d+/i)
  }
})
