import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, inject } from 'vitest'
import { type Database, type DatabaseOptions, openDatabase } from '../../packages/engine/src/postgres/database.ts'
import { createLink, type Link } from '../../packages/engine/src/postgres/link.ts'
import { type ConnectOptions, Trunkline } from '../../packages/engine/src/trunkline.ts'

/** A database of one test file. */
export interface TestDatabase {
  readonly name: string
  /** Where the code under test connects to: by way of the pooler, in the project that has one. */
  readonly url: string
  /** A plain client of the server itself, ended after the tests. */
  client(): Promise<pg.Client>
  open(options?: Partial<DatabaseOptions>): Database
  connect(options?: Partial<ConnectOptions>): Promise<Trunkline>
  /** A link of one's own, stopped after the tests. */
  link(profile: 'walk' | 'join' | 'general'): Link
  /** Rows of a query on a shared client. */
  rows(sql: string, values?: unknown[]): Promise<any[]>
}

/** Runs `sql` on the maintenance database of the test server. */
export async function onServer(sql: string): Promise<any[]> {
  const admin = new pg.Client({ connectionString: inject('server') })
  await admin.connect()
  try {
    return (await admin.query(sql)).rows
  } finally {
    await admin.end()
  }
}

/** URL of a database of the test server. */
export function urlOf(database: string, server = inject('server')): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

/**
 * A fresh database with the schema in it, dropped after the tests of the file.
 * @param empty without the schema
 */
export async function testDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await onServer(empty ? `create database ${name}` : `create database ${name} template ${inject('template')}`)
  const direct = urlOf(name)
  const url = urlOf(name, inject('pooler') || inject('server'))
  const closers: (() => Promise<unknown>)[] = []
  let shared: Promise<pg.Client> | undefined
  let turn: Promise<unknown> = Promise.resolve()

  async function client(): Promise<pg.Client> {
    const made = new pg.Client({ connectionString: direct })
    made.on('error', () => {})
    await made.connect()
    closers.push(() => made.end())
    return made
  }

  function open(options: Partial<DatabaseOptions> = {}): Database {
    const made = openDatabase({ connectionString: url, ...options })
    closers.push(() => made.close())
    return made
  }

  afterAll(async () => {
    await Promise.allSettled(closers.reverse().map((close) => close()))
    await onServer(`drop database if exists ${name} with (force)`)
  })

  return {
    name,
    url,
    client,
    open,
    async connect(options = {}) {
      const made = await Trunkline.connect({ connectionString: url, ...options })
      closers.push(() => made.close())
      return made
    },
    link(profile) {
      const made = createLink(open(), profile, 'test')
      closers.push(() => made.stop())
      return made
    },
    async rows(sql, values) {
      shared ??= client()
      const mine = turn.then(async () => (await (shared as Promise<pg.Client>)).query(sql, values as unknown[]))
      turn = mine.catch(() => {})
      return (await mine).rows
    },
  }
}

/** Waits until `look` answers something truthy; looks every 10 ms, at most `ms`. */
export async function until<T>(look: () => T | Promise<T>, what = 'a condition', ms = 20_000): Promise<NonNullable<T>> {
  const end = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** A promise and the way to settle it. */
export function signal<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((r) => {
    resolve = r
  })
  return { promise, resolve }
}
