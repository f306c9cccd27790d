import { expect, test } from 'vitest'
import { scenePassword, serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene({ limits: { loginsPerMinute: 5, bulkPerMinute: 2, requestsPerMinute: 60 }, trustedProxies: ['10.0.0.1'] })
const someone = await scene.user('operator')
const login = (email: string, from: object = {}) =>
  scene.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    headers: { 'content-type': 'application/json', ...(from as { headers?: object }).headers },
    payload: JSON.stringify({ email, password: 'wrong' }),
    remoteAddress: (from as { address?: string }).address ?? '192.0.2.1',
  })

test('the sixth login into an account within a minute waits, right password or not', async () => {
  for (let i = 0; i < 5; i++) expect((await login(someone.email)).status).toBe(401)
  const refused = await login(someone.email.toUpperCase())
  expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_requests' } })
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
})

test('a forged X-Forwarded-For begins no new count; one of a trusted proxy tells callers apart', async () => {
  expect((await login(someone.email, { headers: { 'x-forwarded-for': '203.0.113.7' } })).status).toBe(429)
  expect((await login(someone.email, { address: '198.51.100.9', headers: { 'x-forwarded-for': '192.0.2.1' } })).status).toBe(401)
  for (let i = 0; i < 5; i++)
    expect((await login(someone.email, { address: '10.0.0.1', headers: { 'x-forwarded-for': '203.0.113.8' } })).status).toBe(401)
  expect((await login(someone.email, { address: '10.0.0.1', headers: { 'x-forwarded-for': '203.0.113.8' } })).status).toBe(429)
  expect((await login(someone.email, { address: '10.0.0.1', headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(401)
})

test('bulk calls are counted by caller, all calls by address', async () => {
  const body = { jobIds: ['1'] }
  for (let i = 0; i < 2; i++) expect((await someone('POST', '/jobs/bulk/cancel', body)).status).toBe(200)
  expect((await someone('POST', '/jobs/bulk/cancel', body)).status).toBe(429)
  const another = await scene.user('operator')
  expect((await another('POST', '/jobs/bulk/cancel', body)).status).toBe(200)
  const answers = await Promise.all(Array.from({ length: 80 }, () => scene.anybody('GET', '/healthz')))
  expect(answers.filter((a) => a.status === 429).length).toBeGreaterThan(20)
})

test('a login that is right is no reason to guess on', async () => {
  const other = await scene.user('viewer')
  for (let i = 0; i < 5; i++) await login(other.email, { address: '192.0.2.50' })
  const { status } = await scene.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({ email: other.email, password: scenePassword }),
    remoteAddress: '192.0.2.50',
  })
  expect(status).toBe(429)
})
