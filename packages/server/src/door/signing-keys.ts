import { randomUUID } from 'node:crypto'
import { TrunklineError } from '@trunkline/contract'
import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import type { Secret } from './secret.ts'

const listStatement = statement(import.meta.url, 'signing-keys.sql')
const insertStatement = statement(import.meta.url, 'insert-signing-key.sql')
const retireStatement = statement(import.meta.url, 'retire-signing-keys.sql')

/** The one algorithm of our own tokens. */
const algorithm = 'ES256'
const day = 86_400_000
const reloadAfterMs = 30_000

/** What a token of ours says. */
export interface TokenClaims {
  readonly accountId: string
  readonly generation: number
  readonly jti: string
  readonly expiresAt: Date
}

/** Signs and checks our tokens, with keys that are kept sealed in the database and shared by all servers with the same secret. */
export interface SigningKeys {
  sign(account: { id: string; generation: number }): Promise<{ token: string; expiresAt: Date }>
  /** @throws `unauthenticated` */
  verify(token: string): Promise<TokenClaims>
}

/** Options of {@link createSigningKeys}. */
export interface SigningKeyOptions {
  issuer: string
  audience: string
  /** How long a token holds. */
  lifetimeMs: number
  /** How long a key signs. Default 30 days. */
  keyLifetimeMs?: number
}

interface Known {
  readonly kid: string
  readonly publicKey: CryptoKey
  /** Null: another server's, sealed with another secret; its tokens are accepted here, but it does not sign. */
  readonly privateKey: CryptoKey | null
}

/** Makes {@link SigningKeys}. Nothing is read before the first use. */
export function createSigningKeys(database: Database, secret: Secret, options: SigningKeyOptions): SigningKeys {
  const { issuer, audience, lifetimeMs, keyLifetimeMs = 30 * day } = options
  let known = new Map<string, Known>()
  let readAt = 0
  let reading: Promise<void> | null = null

  async function read(): Promise<void> {
    const rows = await database.run<{ kid: string; public_key: JWK; sealed: Buffer; signs: boolean }>(listStatement, [])
    const next = new Map<string, Known>()
    for (const row of rows) {
      const opened = row.signs ? secret.open(row.sealed) : null
      next.set(row.kid, {
        kid: row.kid,
        publicKey: (await importJWK(row.public_key, algorithm)) as CryptoKey,
        privateKey: opened === null ? null : ((await importJWK(JSON.parse(opened), algorithm)) as CryptoKey),
      })
    }
    known = next
    readAt = Date.now()
  }

  async function load(olderThanMs: number): Promise<void> {
    if (Date.now() - readAt < olderThanMs) return
    reading ??= read().finally(() => {
      reading = null
    })
    await reading
  }

  async function add(): Promise<void> {
    const pair = await generateKeyPair(algorithm, { extractable: true })
    const publicKey = await exportJWK(pair.publicKey)
    const kid = await calculateJwkThumbprint(publicKey)
    const sealed = secret.seal(JSON.stringify(await exportJWK(pair.privateKey)))
    const values = [kid, JSON.stringify(publicKey), sealed, keyLifetimeMs, keyLifetimeMs + lifetimeMs + day]
    await database.run(insertStatement, values)
  }

  async function signer(): Promise<Known & { privateKey: CryptoKey }> {
    for (let round = 0; round < 2; round++) {
      await load(round === 0 ? reloadAfterMs : 0)
      for (const key of known.values()) if (key.privateKey) return key as Known & { privateKey: CryptoKey }
      await add()
      readAt = 0
    }
    throw new TrunklineError('internal', { problem: 'no signing key could be made' })
  }

  return {
    async sign({ id, generation }) {
      const { kid, privateKey } = await signer()
      const now = Math.floor(Date.now() / 1000)
      const expires = now + Math.floor(lifetimeMs / 1000)
      const token = await new SignJWT({ gen: generation })
        .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(id)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(expires)
        .sign(privateKey)
      return { token, expiresAt: new Date(expires * 1000) }
    },
    async verify(token) {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => {
          await load(reloadAfterMs)
          // a key that another server has just made; not more than once a second, whatever kids are sent
          if (kid !== undefined && !known.has(kid)) await load(1000)
          const key = kid === undefined ? undefined : known.get(kid)
          if (!key) throw new TrunklineError('unauthenticated', { problem: 'the token is signed by an unknown key' })
          return key.publicKey
        },
        {
          algorithms: [algorithm],
          issuer,
          audience,
          typ: 'JWT',
          requiredClaims: ['sub', 'jti', 'exp', 'nbf', 'iat'],
          clockTolerance: 30,
          maxTokenAge: Math.ceil(lifetimeMs / 1000) + 60,
        },
      )
      const { sub, jti, exp, gen, aud } = payload
      if (
        typeof sub !== 'string' ||
        typeof jti !== 'string' ||
        typeof exp !== 'number' ||
        typeof gen !== 'number' ||
        typeof aud !== 'string'
      ) {
        throw new TrunklineError('unauthenticated', { problem: 'the token is not one of ours' })
      }
      return { accountId: sub, generation: gen, jti, expiresAt: new Date(exp * 1000) }
    },
  }
}

/**
 * From now on a fresh key signs: servers make it with the next login, within 30 s.
 * @param revoke refuse all tokens of the old keys as well: everybody logs in again
 */
export async function retireSigningKeys(database: Database, revoke: boolean, tx?: Queryable): Promise<void> {
  await database.run(retireStatement, [revoke], tx)
}
