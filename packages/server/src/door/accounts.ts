import { type Right, type Role, TrunklineError } from '@trunkline/contract'
import type { Scopes } from '@trunkline/contract/http'
import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import { checkPassword, hashPassword, randomPassword } from './passwords.ts'

const byEmailStatement = statement(import.meta.url, 'find-account-by-email.sql')
const byIdStatement = statement(import.meta.url, 'find-account-by-id.sql')
const insertStatement = statement(import.meta.url, 'insert-account.sql')
const firstOwnerStatement = statement(import.meta.url, 'insert-first-owner.sql')
const anyStatement = statement(import.meta.url, 'any-account.sql')

/** A user, as stored. */
export interface Account {
  id: string
  email: string
  name: string | null
  /** Hash; only where it is looked up by e-mail. */
  password?: string | null
  role: Role
  scopes: Partial<Scopes>
  rights: Right[]
  is_enabled: boolean
  generation: number
  issuer?: string | null
  issuer_subject?: string | null
  created_at: Date
  last_login_at: Date | null
}

/** What a new user is given. */
export interface NewAccount {
  email: string
  name?: string | null
  /** Null = only by an identity provider. */
  password: string | null
  role: Role
  scopes?: Partial<Scopes>
  rights?: readonly Right[]
  issuer?: string
  issuerSubject?: string
}

/** A user by e-mail, or null. */
export async function findByEmail(database: Database, email: string, on?: Queryable): Promise<Account | null> {
  const [row] = await database.run<Account>(byEmailStatement, [email.toLowerCase()], on)
  return row ?? null
}

/** A user by id, or null. */
export async function findById(database: Database, id: string, on?: Queryable): Promise<Account | null> {
  const [row] = await database.run<Account>(byIdStatement, [id], on)
  return row ?? null
}

/** Makes a user. @throws `weak_password`, `email_taken` */
export async function addAccount(database: Database, made: NewAccount, on?: Queryable): Promise<Account> {
  const { email, name = null, password, role, scopes = {}, rights = [], issuer = null, issuerSubject = null } = made
  const hash = password === null ? null : await hashPassword(checkPassword(password, email))
  const values = [email.toLowerCase(), name, hash, role, JSON.stringify(scopes), [...rights], issuer, issuerSubject]
  const [row] = await database.run<Account>(insertStatement, values, on)
  if (!row) throw new TrunklineError('email_taken', { field: 'email', received: email })
  return row
}

/**
 * Makes the first owner where there is no user yet; null where there is one.
 * @param given what an administrator has set; else a random password is made
 * @returns the e-mail, and the password where it was made here: it is shown once and kept nowhere
 * @throws `weak_password`
 */
export async function addFirstOwner(
  database: Database,
  given: { email?: string | undefined; password?: string | undefined } = {},
): Promise<{ email: string; password: string | null } | null> {
  const [found] = await database.run<{ there: boolean }>(anyStatement, [])
  if (found?.there) return null
  const email = (given.email ?? 'owner@trunkline.local').toLowerCase()
  const password = given.password === undefined ? randomPassword() : checkPassword(given.password, email)
  const [row] = await database.run<{ email: string }>(firstOwnerStatement, [email, await hashPassword(password)])
  return row ? { email, password: given.password === undefined ? password : null } : null
}
