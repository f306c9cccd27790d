import { expect, test } from 'vitest'
import { scenePassword, serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const { key } = (await owner('POST', '/api-keys', { name: 'ci' })).body
const login = await scene.anybody('POST', '/auth/login', { email: owner.email, password: scenePassword, session: true })
const cookie = /trunkline_session=([^;]+)/.exec(String(login.headers['set-cookie']))?.[1] as string

async function dump(): Promise<string> {
  const tables = await scene.db.rows(`select relname from pg_class where relnamespace = 'trunkline'::regnamespace and relkind = 'r'`)
  let text = ''
  for (const { relname } of tables) text += JSON.stringify(await scene.db.rows(`select t::text from trunkline.${relname} t`))
  return text
}

test('no key, cookie, token, CSRF value or password stands in the database', async () => {
  const text = await dump()
  for (const secret of [key, key.slice(13), cookie, owner.token, login.body.csrfToken, scenePassword]) expect(text).not.toContain(secret)
  const [{ password }] = await scene.db.rows('select password from trunkline.account limit 1')
  expect(password).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

test('what stands there in their place lets nobody in', async () => {
  const [stored] = await scene.db.rows(`select encode(hash, 'hex') hex, encode(hash, 'base64') b64, prefix from trunkline.api_key`)
  const [session] = await scene.db.rows(`select translate(encode(hash, 'base64'), '+/=', '-_') b64 from trunkline.session`)
  const [account] = await scene.db.rows('select password from trunkline.account limit 1')
  for (const guess of [stored.hex, stored.b64, `tlk_${stored.prefix}_${stored.b64.replace(/[+/=]/g, '').slice(0, 43)}`, account.password]) {
    expect((await scene.as(encodeURIComponent(guess))('GET', '/auth/me')).status, guess).toBe(401)
  }
  expect((await scene.anybody('GET', '/auth/me', undefined, { cookie: `trunkline_session=${session.b64}` })).status).toBe(401)
  expect((await scene.anybody('POST', '/auth/login', { email: owner.email, password: account.password })).status).toBe(401)
})

test('a key is shown once; a wrong one with a known prefix is refused; its use is noted', async () => {
  expect((await owner('GET', '/api-keys')).text).not.toContain(key)
  const last = key.endsWith('A') ? 'B' : 'A'
  expect((await scene.as(key.slice(0, -1) + last)('GET', '/auth/me')).status).toBe(401)
  expect((await scene.as(key)('GET', '/auth/me')).status).toBe(200)
  await expect.poll(async () => (await owner('GET', '/api-keys')).body.data[0].lastUsedAt).toEqual(expect.any(String))
})
