import { expect, test } from 'vitest'
import { scenePassword, serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const login = await scene.anybody('POST', '/auth/login', { email: owner.email, password: scenePassword, session: true })
const cookie = String(login.headers['set-cookie']).split(';')[0] as string

// what a page of another origin can send without being asked first
test.each([
  ['a form', 'application/x-www-form-urlencoded', 'email=x%40example.com&role=owner'],
  ['plain text that is JSON', 'text/plain', '{"email":"x@example.com","role":"owner"}'],
  [
    'a form with parts',
    'multipart/form-data; boundary=x',
    '--x\r\ncontent-disposition: form-data; name="email"\r\n\r\nx@example.com\r\n--x--',
  ],
  ['no type', '', '{"email":"x@example.com","role":"owner"}'],
])('%s is refused', async (_name, type, payload) => {
  const { status } = await scene.inject({
    method: 'POST',
    url: '/api/v1/users',
    headers: { cookie, origin: 'https://evil.example.com', ...(type ? { 'content-type': type } : {}) },
    payload,
  })
  expect([403, 415]).toContain(status)
  expect(await scene.db.rows(`select 1 from trunkline.account where email = 'x@example.com'`)).toEqual([])
})

test('JSON with the cookie needs the CSRF value, and no answer gives it to another origin', async () => {
  const { status, body } = await scene.anybody('POST', '/users', { email: 'x@example.com', role: 'viewer' }, { cookie })
  expect({ status, code: body.code }).toEqual({ status: 403, code: 'csrf_missing' })
  const me = await scene.anybody('GET', '/auth/me', undefined, { cookie, origin: 'https://evil.example.com' })
  expect(me.headers).not.toHaveProperty('access-control-allow-origin')
})

test('a cookie and a bearer together are refused, whatever they are', async () => {
  expect((await owner('GET', '/auth/me', undefined, { cookie })).status).toBe(400)
  expect((await scene.as('rubbish')('GET', '/auth/me', undefined, { cookie })).status).toBe(400)
})

test('the cookie is for this site and for HTTP only; over TLS for TLS only', async () => {
  expect(String(login.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict$/)
})
