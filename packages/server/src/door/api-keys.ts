import { randomBytes } from 'node:crypto'
import { type Right, type Role, TrunklineError } from '@trunkline/contract'
import type { Scopes } from '@trunkline/contract/http'
import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import { hashToken } from './secret.ts'

const insertStatement = statement(import.meta.url, 'insert-key.sql')
const listStatement = statement(import.meta.url, 'list-keys.sql')
const revokeStatement = statement(import.meta.url, 'revoke-key.sql')

/** An API key, as stored: without the key. */
export interface ApiKey {
  id: string
  prefix: string
  name: string
  /** E-mail of its owner. */
  owner: string
  role: Role
  scopes: Partial<Scopes>
  rights: Right[]
  created_at: Date
  expires_at: Date | null
  last_used_at: Date | null
  revoked_at: Date | null
}

/** What a new key is given. */
export interface NewApiKey {
  name: string
  accountId: string
  role: Role
  scopes?: Partial<Scopes>
  rights?: readonly Right[]
  expiresAt?: string | null
}

/** Makes a key: `tlk_<prefix>_<256 random bits>`. Only its hash is stored; `key` is shown this once. */
export async function addApiKey(database: Database, made: NewApiKey, on?: Queryable): Promise<ApiKey & { key: string }> {
  const prefix = [...randomBytes(8)].map((byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte & 31]).join('')
  const key = `tlk_${prefix}_${randomBytes(32).toString('base64url')}`
  const { name, accountId, role, scopes = {}, rights = [], expiresAt = null } = made
  const values = [prefix, hashToken(key), name, accountId, role, JSON.stringify(scopes), [...rights], expiresAt]
  const [row] = await database.run<ApiKey>(insertStatement, values, on)
  return { ...(row as ApiKey), key }
}

/** Keys, newest first; of one user, or all. */
export async function listApiKeys(database: Database, accountId: string | null = null): Promise<ApiKey[]> {
  return await database.run<ApiKey>(listStatement, [accountId])
}

/** Revokes a key by id or prefix; of one user, or of anybody. @throws `key_not_found` */
export async function revokeApiKey(database: Database, which: string, accountId: string | null, on?: Queryable): Promise<string> {
  const [row] = await database.run<{ prefix: string }>(revokeStatement, [which, accountId], on)
  if (!row) throw new TrunklineError('key_not_found', { field: 'id', received: which })
  return row.prefix
}
