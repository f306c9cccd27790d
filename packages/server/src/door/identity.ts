import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { isTrunklineError, type Right, type Role, TrunklineError } from '@trunkline/contract'
import type { Scopes } from '@trunkline/contract/http'
import { type Database, isTransient, type Queryable, statement } from '@trunkline/engine/postgres'
import { decodeJwt } from 'jose'
import { type Account, findByEmail } from './accounts.ts'
import type { Issuers } from './issuers.ts'
import { isPassword } from './passwords.ts'
import { lowerRole, overlapOf, type Principal, readScopes, standingOf } from './principal.ts'
import { hashToken } from './secret.ts'
import type { SigningKeys } from './signing-keys.ts'

const byTokenStatement = statement(import.meta.url, 'find-account-by-token.sql')
const bySessionStatement = statement(import.meta.url, 'find-account-by-session.sql')
const byKeyStatement = statement(import.meta.url, 'find-account-by-key.sql')
const touchKeyStatement = statement(import.meta.url, 'touch-key.sql')
const loggedInStatement = statement(import.meta.url, 'logged-in.sql')
const insertSessionStatement = statement(import.meta.url, 'insert-session.sql')
const deleteSessionStatement = statement(import.meta.url, 'delete-session.sql')
const revokeStatement = statement(import.meta.url, 'revoke-token.sql')

/** Finds out who calls. Used by HTTP and by sockets alike. */
export interface Identity {
  /** Who sends this bearer: an API key, a token of ours, a token of an external issuer. @throws `unauthenticated` */
  ofBearer(bearer: string): Promise<Principal>
  /** Who has this session cookie. @throws `unauthenticated` */
  ofSession(cookie: string): Promise<Principal>
  /** @throws `login_failed`: the same for a wrong password, an unknown e-mail and a disabled user */
  login(email: string, password: string): Promise<Account>
  /** @param tx here and below: the transaction of the audit, where there is one */
  token(account: Account, tx?: Queryable): Promise<{ token: string; expiresAt: Date }>
  session(
    account: Account,
    from: { address: string; agent: string | undefined },
    tx?: Queryable,
  ): Promise<{ cookie: string; csrfToken: string; expiresAt: Date }>
  /** Ends the session, or gives the token back; what was remembered of callers is to be forgotten afterwards. */
  logout(principal: Principal, tx?: Queryable): Promise<void>
  /** Forgets what was remembered of callers, after a change of users or keys. */
  forget(): void
}

/** Options of {@link createIdentity}. */
export interface IdentityOptions {
  keys: SigningKeys
  issuers: Issuers
  sessionMs: number
}

const keyPattern = /^tlk_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$/
/** So long a caller is not looked up again; a change of role counts after this time on other servers. */
const rememberMs = 2000
const mostRemembered = 10_000
/** Anything longer is no token of anybody. */
const longestBearer = 8192

const refuse = (problem: string) => new TrunklineError('unauthenticated', { problem })

const csrfOf = (cookie: string) => createHash('sha256').update(`csrf:${cookie}`).digest('base64url')

/** Makes {@link Identity}. */
export function createIdentity(database: Database, { keys, issuers, sessionMs }: IdentityOptions): Identity {
  let remembered = new Map<string, { at: number; principal: Promise<Principal> }>()

  /** Many calls of one caller within two seconds ask the database once. Refusals are not remembered. */
  function remember(secret: string, look: () => Promise<Principal>): Promise<Principal> {
    const key = hashToken(secret).toString('base64')
    const found = remembered.get(key)
    if (found && Date.now() - found.at < rememberMs) return found.principal
    if (remembered.size >= mostRemembered) remembered = new Map()
    const principal = look()
    remembered.set(key, { at: Date.now(), principal })
    principal.catch(() => remembered.delete(key))
    return principal
  }

  function ofAccount(account: Account, how: Principal['how'], extra: Partial<Principal>): Principal {
    return {
      subject: `user:${account.email}`,
      how,
      role: account.role,
      scopes: readScopes(account.scopes),
      rights: account.rights,
      accountId: account.id,
      standing: standingOf(account),
      csrfToken: null,
      expiresAt: null,
      jti: null,
      sessionHash: null,
      ...extra,
    }
  }

  async function ofKey(key: string, prefix: string): Promise<Principal> {
    const [row] = await database.run<
      Account & { key_id: string; hash: Buffer; key_role: Role; key_scopes: Scopes; key_rights: Right[]; expires_at: Date | null }
    >(byKeyStatement, [prefix])
    // compared also where there is none, so that the time says nothing
    const same = timingSafeEqual(hashToken(key), row?.hash ?? hashToken(''))
    if (!row || !same || !row.is_enabled) throw refuse('the API key is unknown, revoked or expired')
    database.run(touchKeyStatement, [row.key_id]).catch(() => {})
    return ofAccount(row, 'key', {
      subject: `key:${prefix}`,
      role: lowerRole(row.key_role, row.role),
      scopes: overlapOf(readScopes(row.key_scopes), readScopes(row.scopes)),
      rights: row.key_rights.filter((right) => row.rights.includes(right)),
      expiresAt: row.expires_at,
    })
  }

  async function ofToken(token: string): Promise<Principal> {
    if (issuers.knows(decodeJwt(token).iss)) return await issuers.verify(token)
    const { accountId, generation, jti, expiresAt } = await keys.verify(token)
    if (!/^[0-9a-f-]{36}$/.test(accountId)) throw refuse('the token is not one of ours')
    const [account] = await database.run<Account>(byTokenStatement, [accountId, jti])
    if (!account?.is_enabled || account.generation !== generation) throw refuse('the token was given back, or its user has changed')
    return ofAccount(account, 'token', { jti, expiresAt })
  }

  async function checked(token: string): Promise<Principal> {
    try {
      return await ofToken(token)
    } catch (error) {
      if (isTransient(error) || isTrunklineError(error, 'unauthenticated')) throw error
      const code = (error as { code?: string }).code
      if (code === undefined || !/^ERR_J/.test(code)) throw error
      throw refuse(code === 'ERR_JWT_EXPIRED' ? 'the token has expired' : 'the token is not valid')
    }
  }

  return {
    async ofBearer(bearer) {
      if (bearer.length > longestBearer) throw refuse('the token is too long')
      const prefix = keyPattern.exec(bearer)?.[1]
      if (prefix) return await remember(bearer, () => ofKey(bearer, prefix))
      const principal = await remember(bearer, () => checked(bearer))
      if (principal.expiresAt && principal.expiresAt.getTime() < Date.now() - 30_000) throw refuse('the token has expired')
      return principal
    },
    async ofSession(cookie) {
      if (!/^[A-Za-z0-9_-]{43}$/.test(cookie)) throw refuse('the session is over; log in again')
      return await remember(cookie, async () => {
        const hash = hashToken(cookie)
        const [row] = await database.run<Account & { of_generation: number; expires_at: Date }>(bySessionStatement, [hash])
        if (!row?.is_enabled || row.generation !== row.of_generation) throw refuse('the session is over; log in again')
        return ofAccount(row, 'session', { csrfToken: csrfOf(cookie), expiresAt: row.expires_at, sessionHash: hash })
      })
    },
    async login(email, password) {
      const account = await findByEmail(database, email)
      const right = await isPassword(password, account?.password ?? null)
      if (!account || !right || !account.is_enabled) throw new TrunklineError('login_failed', {})
      return account
    },
    async token(account, tx) {
      const made = await keys.sign(account)
      await database.run(loggedInStatement, [account.id], tx)
      return made
    },
    async session(account, { address, agent }, tx) {
      const cookie = randomBytes(32).toString('base64url')
      const values = [hashToken(cookie), account.id, account.generation, sessionMs, address, agent?.slice(0, 300) ?? null]
      const [row] = await database.run<{ expires_at: Date }>(insertSessionStatement, values, tx)
      await database.run(loggedInStatement, [account.id], tx)
      return { cookie, csrfToken: csrfOf(cookie), expiresAt: (row as { expires_at: Date }).expires_at }
    },
    async logout({ sessionHash, jti, expiresAt }, tx) {
      if (sessionHash) await database.run(deleteSessionStatement, [sessionHash], tx)
      else if (jti && expiresAt) await database.run(revokeStatement, [jti, expiresAt], tx)
    },
    forget: () => remembered.clear(),
  }
}
