import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { serverScene } from '../../../test/support/server-scene.ts'
import { addAccount } from './door/accounts.ts'

// against a real provider of OpenID Connect; its package has no types of its own
const { default: Provider } = (await import('oidc-provider' as string)) as any
const publicUrl = 'http://127.0.0.1:1'
const listener = createServer()
await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
const provider = new Provider(issuer, {
  clients: [
    { client_id: 'trunkline', client_secret: 'a-secret-of-the-provider', redirect_uris: [`${publicUrl}/api/v1/auth/oidc/callback`] },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  findAccount: (_context: unknown, id: string) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.com`,
      email_verified: id !== 'unverified',
      name: `Name of ${id}`,
      groups: [id === 'boss' ? 'ops' : 'others'],
    }),
  }),
  pkce: { required: () => true },
})
listener.on('request', provider.callback())
afterAll(() => listener.close())

const scene = await serverScene({
  publicUrl,
  auth: {
    oidc: {
      issuer,
      clientId: 'trunkline',
      clientSecret: 'a-secret-of-the-provider',
      role: 'viewer',
      roleClaim: 'groups',
      roles: { ops: 'admin' },
    },
  },
})

/** A browser, as far as a login needs one. */
function browser() {
  const jar = new Map<string, string>()
  return async (url: string, init: { method?: string; body?: URLSearchParams } = {}) => {
    const answer = await fetch(url, { ...init, redirect: 'manual', headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') } })
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/)
      jar.set(name, value)
    }
    return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() }
  }
}

/** Logs in at the provider as `who`; answers the callback's address. */
async function loginAt(url: string, who: string): Promise<string> {
  const browse = browser()
  let next = url
  for (let i = 0; i < 12; i++) {
    if (next.startsWith(publicUrl)) return next
    const { location, text } = await browse(next)
    if (location) next = new URL(location, issuer).href
    else {
      const action = /action="([^"]+)"/.exec(text)?.[1] as string
      const prompt = /name="prompt" value="([^"]+)"/.exec(text)?.[1] as string
      const answer = await browse(new URL(action, issuer).href, {
        method: 'POST',
        body: new URLSearchParams({ prompt, login: who, password: 'x' }),
      })
      next = new URL(answer.location as string, issuer).href
    }
  }
  throw new Error(`the login ended at ${next}`)
}

async function begin(returnTo = '/admin/jobs') {
  const { status, headers } = await scene.anybody('GET', `/auth/oidc/start?returnTo=${encodeURIComponent(returnTo)}`)
  expect(status).toBe(302)
  const cookie = String(headers['set-cookie'])
  expect(cookie).toMatch(/^trunkline_oidc=.*; Max-Age=600; Path=\/api\/v1\/auth\/oidc; HttpOnly; SameSite=Lax/)
  return { url: String(headers.location), cookie: cookie.split(';')[0] as string }
}

async function login(who: string) {
  const { url, cookie } = await begin()
  const back = new URL(await loginAt(url, who))
  return { cookie, search: back.search, answer: await scene.anybody('GET', `/auth/oidc/callback${back.search}`, undefined, { cookie }) }
}

test('who logs in there has a session here, with the role that their claim gives', async () => {
  const { answer, cookie, search } = await login('boss')
  expect(answer, answer.text).toMatchObject({ status: 200 })
  expect(answer.text).toContain('content="0;url=/admin/jobs"')
  const session = /trunkline_session=[\w-]{43}/.exec(String(answer.headers['set-cookie']))?.[0] as string
  expect((await scene.anybody('GET', '/auth/me', undefined, { cookie: session })).body).toMatchObject({
    how: 'session',
    role: 'admin',
    user: { email: 'boss@example.com', name: 'Name of boss' },
  })
  // the same answer once more, or in another browser, is worth nothing
  expect((await scene.anybody('GET', `/auth/oidc/callback${search}`, undefined, { cookie })).body).toMatchObject({
    status: 401,
    code: 'oidc_failed',
  })
  expect((await scene.anybody('GET', `/auth/oidc/callback${search}`)).body.code).toBe('oidc_failed')
  // the second time it is the same user
  await login('boss')
  expect(await scene.db.rows(`select role from trunkline.account where email = 'boss@example.com'`)).toEqual([{ role: 'admin' }])
})

test('an e-mail that nobody vouches for, or that has a password here, opens nothing', async () => {
  expect((await login('unverified')).answer.body).toMatchObject({ status: 401, code: 'oidc_failed' })
  await addAccount(scene.server.service.database, { email: 'local@example.com', password: 'bright-orange-lamp', role: 'owner' })
  expect((await login('local')).answer.body).toMatchObject({ status: 409, code: 'email_taken' })
})

test('who was entered by an administrator without a password is that user', async () => {
  await addAccount(scene.server.service.database, {
    email: 'invited@example.com',
    password: null,
    role: 'viewer',
    scopes: { queues: ['q'] },
  })
  expect((await login('invited')).answer.status).toBe(200)
  const [row] = await scene.db.rows(`select issuer, scopes from trunkline.account where email = 'invited@example.com'`)
  expect(row).toMatchObject({ issuer, scopes: { queues: ['q'] } })
})

test('one is never sent on to another place', async () => {
  for (const returnTo of ['//evil.example.com', '/\\evil.example.com', 'https://evil.example.com', '/x y']) {
    expect((await scene.anybody('GET', `/auth/oidc/start?returnTo=${encodeURIComponent(returnTo)}`)).status, returnTo).toBe(400)
  }
})
