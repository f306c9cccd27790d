import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { scenePassword, serverScene } from '../../../../test/support/server-scene.ts'
import { createServer } from '../server.ts'
import { serverSettings } from '../settings.ts'
import { nextPage } from './login.ts'

const scene = await serverScene()
const folder = mkdtempSync(join(tmpdir(), 'trunkline-console-'))
mkdirSync(join(folder, 'assets'))
writeFileSync(join(folder, 'index.html'), '<head><script src="./assets/index-abc.js"></script></head>')
writeFileSync(join(folder, 'assets', 'index-abc.js'), 'the script')
writeFileSync(join(folder, 'assets', 'index-abc.js.br'), brotliCompressSync('the script'))
writeFileSync(join(folder, 'secret.txt'), 'not for anybody')
const { app, stop } = await createServer({
  database: { connectionString: scene.db.url },
  settings: serverSettings.parse({
    port: 0,
    basePath: '/below',
    environment: { name: '<prod>', tone: 'red' },
    limits: { loginsPerMinute: 3 },
  }),
  dataDir: folder,
  consoleDir: folder,
  version: '1.2.3',
})
afterAll(stop)
const owner = await scene.user('owner')

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url: `/below${url}`, headers })
const logIn = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: '/below/admin/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin', ...headers },
    payload: new URLSearchParams(fields).toString(),
  })

describe('the files of the console', () => {
  test.each(['/admin/jobs', '/admin/jobs/list?q=a', '/admin/jobs/queues/a.b'])('%s is the page, asked for each time', async (url) => {
    const { statusCode, headers, body } = await get(url)
    expect(statusCode).toBe(200)
    expect(headers).toMatchObject({ 'cache-control': 'no-cache', 'content-type': 'text/html; charset=utf-8' })
    expect(body).toContain('src="/below/admin/jobs/assets/index-abc.js"')
    expect(body).toContain('content="&lt;prod&gt;"')
    expect((await get(url, { 'if-none-match': String(headers.etag) })).statusCode).toBe(304)
  })

  test('assets are kept for a year, and compressed where the browser takes it', async () => {
    const plain = await get('/admin/jobs/assets/index-abc.js', { 'accept-encoding': 'br;q=0' })
    expect(plain.body).toBe('the script')
    expect(plain.headers).toMatchObject({ 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
    const small = await get('/admin/jobs/assets/index-abc.js', { 'accept-encoding': 'gzip, br' })
    expect(small.headers['content-encoding']).toBe('br')
  })

  test.each(['../secret.txt', '..%2fsecret.txt', 'nothing.js', '%00', 'index-abc.js%2f..%2f..%2fsecret.txt'])(
    'assets/%s is not there',
    async (name) => {
      const { statusCode, body } = await get(`/admin/jobs/assets/${name}`)
      expect(body).not.toContain('not for anybody')
      expect([200, 400, 404]).toContain(statusCode)
      if (statusCode === 200) expect(body).toContain('<head>')
    },
  )
})

describe('the login form', () => {
  test('opens a session and goes on to a page of the console', async () => {
    const { statusCode, headers } = await logIn({ email: owner.email, password: scenePassword, next: '/below/admin/jobs/list?q=a' })
    expect({ statusCode, location: headers.location }).toEqual({ statusCode: 303, location: '/below/admin/jobs/list?q=a' })
    const cookie = String(headers['set-cookie'])
    expect(cookie).toMatch(/^trunkline_session=[\w-]{43}; Path=\/below\/; Expires=.*; HttpOnly; SameSite=Strict$/)
    const again = await get('/admin/login', { cookie: cookie.split(';')[0] as string })
    expect(again.statusCode).toBe(302)
    const [line] = await scene.db.rows(`select outcome, actor from trunkline.audit where action = 'auth.login' order by no desc limit 1`)
    expect(line).toEqual({ outcome: 'done', actor: `user:${owner.email}` })
  })

  test.each([
    ['that says so', { 'sec-fetch-site': 'cross-site' }],
    ['by its origin', { 'sec-fetch-site': '', origin: 'https://evil.example' }],
  ])('of another page, %s, logs nobody in', async (_name, headers) => {
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))
    const answer = await app.inject({
      method: 'POST',
      url: '/below/admin/login',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...given },
      payload: new URLSearchParams({ email: owner.email, password: scenePassword }).toString(),
    })
    expect(answer.statusCode).toBe(403)
    expect(answer.headers).not.toHaveProperty('set-cookie')
  })

  test('says what is wrong without what was typed as password, and waits after three', async () => {
    const email = '"><script>@example.com'
    for (let i = 0; i < 3; i++) {
      const { statusCode, body } = await logIn({ email, password: 'guess-me' })
      expect(statusCode).toBe(401)
      expect(body).toContain('E-mail and password do not match.')
      expect(body).not.toMatch(/guess-me|<script>@/)
    }
    const { statusCode, headers, body } = await logIn({ email, password: 'guess-me' })
    expect(statusCode).toBe(429)
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect(body).toContain('data-seconds=')
  })
})

test.each([
  ['/admin/jobs/1?tab=logs#x', '/admin/jobs/1?tab=logs#x'],
  ['//evil.example', '/admin/jobs'],
  ['/\\evil.example', '/admin/jobs'],
  ['https://evil.example/admin/jobs', '/admin/jobs'],
  ['/admin/jobs/../../api', '/admin/jobs'],
  ['/admin/jobsx', '/admin/jobs'],
  [undefined, '/admin/jobs'],
])('after a login to %s one goes to %s', (next, to) => {
  expect(nextPage(next, '')).toBe(to)
})
