import { type Right, type Role, TrunklineError } from '@trunkline/contract'
import type { Scopes } from '@trunkline/contract/http'
import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import { checkPassword, hashPassword, randomPassword } from './passwords.ts'

const byEmailStatement = statement(import.meta.url, 'find-account-by-email.sql')
const byIdStatement = statement(import.meta.url, 'find-account-by-id.sql')
const listStatement = statement(import.meta.url, 'list-accounts.sql')
const lockOwnersStatement = statement(import.meta.url, 'lock-owners.sql')
const updateStatement = statement(import.meta.url, 'update-account.sql')
const deleteStatement = statement(import.meta.url, 'delete-account.sql')
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

/** All users by e-mail. */
export async function listAccounts(database: Database): Promise<Account[]> {
  return await database.run<Account>(listStatement, [])
}

/** What may be changed of a user; what is left out stays. */
export interface AccountChanges {
  name?: string | null | undefined
  password?: string | undefined
  role?: Role | undefined
  scopes?: Partial<Scopes> | undefined
  rights?: readonly Right[] | undefined
  isEnabled?: boolean | undefined
}

/** @throws `last_owner` where this user is the only owner who can log in. Within a transaction. */
async function checkNotLast(database: Database, account: Account, on: Queryable): Promise<void> {
  const owners = await database.run<{ id: string }>(lockOwnersStatement, [], on)
  if (owners.length === 1 && owners[0]?.id === account.id) throw new TrunklineError('last_owner', { received: account.email })
}

/** Changes a user, within a transaction. @throws `last_owner`, `weak_password` */
export async function updateAccount(database: Database, account: Account, changes: AccountChanges, on: Queryable): Promise<Account> {
  const { name, password, role, scopes, rights, isEnabled } = changes
  if ((role !== undefined && role !== 'owner') || isEnabled === false) await checkNotLast(database, account, on)
  const hash = password === undefined ? null : await hashPassword(checkPassword(password, account.email))
  const values = [account.id, name ?? null, name !== undefined, hash, role ?? null, scopes ? JSON.stringify(scopes) : null]
  const [row] = await database.run<Account>(updateStatement, [...values, rights ? [...rights] : null, isEnabled ?? null], on)
  return row as Account
}

/** Removes a user with sessions and keys, within a transaction; jobs and audit keep the name. @throws `last_owner` */
export async function deleteAccount(database: Database, account: Account, on: Queryable): Promise<void> {
  await checkNotLast(database, account, on)
  await database.run(deleteStatement, [account.id], on)
}
