import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { afterAll, describe, expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { retireSigningKeys } from '../door/signing-keys.ts'

const outside = await generateKeyPair('RS256', { extractable: true })
const provider = createServer(async (_request, response) => {
  response.end(JSON.stringify({ keys: [{ ...(await exportJWK(outside.publicKey)), kid: 'k1', alg: 'RS256' }] }))
})
await new Promise<void>((done) => provider.listen(0, '127.0.0.1', done))
afterAll(() => provider.close())
const issuer = {
  issuer: 'https://login.example.com',
  audience: 'jobs',
  jwksUrl: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`,
  roleClaim: 'groups',
  roles: { ops: 'operator' },
}

const scene = await serverScene({ auth: { issuers: [issuer] } })
const { db, server } = scene
const viewer = await scene.user('viewer')
const [row] = await db.rows('select kid, public_key, sealed from trunkline.signing_key')
const ours = await importJWK(JSON.parse(server.service.secret.open(row.sealed) as string), 'ES256')
const [account] = await db.rows('select id, generation from trunkline.account where email = $1', [viewer.email])
const now = Math.floor(Date.now() / 1000)
const good = { iss: 'trunkline', aud: 'trunkline', sub: account.id, jti: 'j1', iat: now, nbf: now, exp: now + 600, gen: account.generation }
const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const claimsOf = (token: string) => token.split('.')[1] as string

/** Signed by our own key, with what is given changed. */
async function signed(claims: object, header: object = {}): Promise<string> {
  return await new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg: 'ES256', kid: row.kid, typ: 'JWT', ...header }).sign(ours)
}
const without = (name: string) => signed({ [name]: undefined })
const stranger = (await generateKeyPair('ES256')).privateKey
const publicBytes = new TextEncoder().encode(JSON.stringify(row.public_key as JWK))

const forged: Record<string, () => string | Promise<string>> = {
  'alg none': () => `${encode({ alg: 'none', kid: row.kid, typ: 'JWT' })}.${encode(good)}.`,
  'alg None': () => `${encode({ alg: 'None', kid: row.kid, typ: 'JWT' })}.${encode(good)}.`,
  'HS256 with the public key as its secret': () =>
    new SignJWT(good).setProtectedHeader({ alg: 'HS256', kid: row.kid, typ: 'JWT' }).sign(publicBytes),
  'an empty signature': async () => `${(await signed({})).split('.').slice(0, 2).join('.')}.`,
  'other claims under an old signature': async () => {
    const [head, , signature] = viewer.token.split('.')
    return `${head}.${encode({ ...JSON.parse(Buffer.from(claimsOf(viewer.token), 'base64url').toString()), gen: 99 })}.${signature}`
  },
  'a path as kid': () => signed({}, { kid: '../../dev/null' }),
  'SQL as kid': () => signed({}, { kid: `x' or '1'='1` }),
  'a key brought along': async () =>
    new SignJWT(good).setProtectedHeader({ alg: 'ES256', typ: 'JWT', jwk: row.public_key, jku: issuer.jwksUrl }).sign(stranger),
  'a stranger’s key': () => new SignJWT(good).setProtectedHeader({ alg: 'ES256', kid: row.kid, typ: 'JWT' }).sign(stranger),
  'no exp': () => without('exp'),
  'exp as text': () => signed({ exp: String(now + 600) }),
  'no nbf': () => without('nbf'),
  'no iat': () => without('iat'),
  'no jti': () => without('jti'),
  'nbf in the future': () => signed({ nbf: now + 3600 }),
  'expired beyond the leeway': () => signed({ exp: now - 61 }),
  'aud as a list': () => signed({ aud: ['trunkline', 'other'] }),
  'another audience': () => signed({ aud: 'other' }),
  'another issuer': () => signed({ iss: 'https://evil.example.com' }),
  'the external issuer’s name with our key': () => signed({ iss: issuer.issuer, aud: issuer.audience }),
  'an old generation': () => signed({ gen: account.generation - 1 }),
  'a user who is not there': () => signed({ sub: '00000000-0000-4000-8000-000000000000' }),
  'SQL as user': () => signed({ sub: `' or 1=1 --` }),
  'header keys given twice': () =>
    `${`${encode(`{"alg":"none","alg":"ES256","kid":"${row.kid}","typ":"JWT"}`)}.${claimsOf(viewer.token)}`}.${viewer.token.split('.')[2]}`,
  '64 kB': () => signed({ pad: 'x'.repeat(65_536) }),
  'no token at all': () => 'a.b.c',
  'an API key that was never made': () => `tlk_abcdefgh_${'A'.repeat(43)}`,
}

test('a good token is let in, also one that was signed right here', async () => {
  expect((await viewer('GET', '/auth/me')).status).toBe(200)
  expect((await scene.as(await signed({}))('GET', '/auth/me')).status).toBe(200)
})

test.each(Object.keys(forged))('%s: 401', async (name) => {
  const token = await (forged[name] as () => Promise<string>)()
  const { status, body } = await scene.as(token)('GET', '/auth/me')
  expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' })
})

test('a token in the address is no token', async () => {
  expect((await scene.anybody('GET', `/auth/me?access_token=${viewer.token}`)).status).toBe(401)
})

describe('a token of an external issuer', () => {
  const outer = (claims: object, key = outside.privateKey, alg = 'RS256') =>
    new SignJWT({ iss: issuer.issuer, aud: issuer.audience, sub: 'u1', iat: now, exp: now + 600, groups: ['ops'], ...claims })
      .setProtectedHeader({ alg, kid: 'k1' })
      .sign(key)

  test('is accepted with the role that its claim gives', async () => {
    const { body } = await scene.as(await outer({}))('GET', '/auth/me')
    expect(body).toMatchObject({ subject: 'external:https://login.example.com#u1', how: 'external', role: 'operator', user: null })
    expect((await scene.as(await outer({ groups: [] }))('GET', '/auth/me')).body.role).toBe('viewer')
  })

  test('is refused when it is forged, for somebody else, or without an end', async () => {
    const other = (await generateKeyPair('RS256')).privateKey
    for (const token of [
      await outer({}, other),
      await outer({ aud: 'x' }),
      await outer({ exp: undefined }),
      await outer({ exp: now - 120 }),
    ]) {
      expect((await scene.as(token)('GET', '/auth/me')).status).toBe(401)
    }
  })
})

test('after a rotation old tokens hold, after a revocation nobody’s do, and no private key lies open', async () => {
  expect(JSON.stringify(await db.rows('select * from trunkline.signing_key'))).not.toContain('"d"')
  await retireSigningKeys(server.service.database, true)
  // as after 30 s
  const fresh = await serverSceneOf()
  expect((await fresh(viewer.token)).status).toBe(401)
})

async function serverSceneOf() {
  const { createSigningKeys } = await import('../door/signing-keys.ts')
  const { createIdentity } = await import('../door/identity.ts')
  const { createIssuers } = await import('../door/issuers.ts')
  const { database, secret } = server.service
  const keys = createSigningKeys(database, secret, { issuer: 'trunkline', audience: 'trunkline', lifetimeMs: 3_600_000 })
  const identity = createIdentity(database, { keys, issuers: createIssuers([]), sessionMs: 1000 })
  return async (token: string) =>
    await identity.ofBearer(token).then(
      () => ({ status: 200 }),
      (error) => ({ status: error.status }),
    )
}
