import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Role } from '../../packages/contract/src/index.ts'
import { addAccount, type NewAccount } from '../../packages/server/src/door/accounts.ts'
import { createServer, type Server, type ServerEvent } from '../../packages/server/src/server.ts'
import { serverSettings } from '../../packages/server/src/settings.ts'
import { type TestDatabase, testDatabase } from './database.ts'

/** A request that is not sent over a socket. */
export interface InjectOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers?: Record<string, string>
  payload?: string
  /** Default 127.0.0.1. */
  remoteAddress?: string
}

/** What a call of the API answered. */
export interface Answer {
  status: number
  body: any
  headers: Record<string, string | number | string[] | undefined>
  text: string
}

/** Calls the API as somebody. */
export type Caller = (method: string, url: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

/** A server with users, without a socket. */
export interface ServerScene {
  readonly db: TestDatabase
  readonly server: Server
  readonly events: ServerEvent[]
  /** Without credentials. */
  readonly anybody: Caller
  /** Adds a user and answers a caller with their token. */
  user(role: Role, more?: Partial<NewAccount>): Promise<Caller & { email: string; token: string }>
  /** Any request. */
  inject(options: InjectOptions): Promise<Answer>
  as(token: string): Caller
}

/** The password of all users of scenes. */
export const scenePassword = 'correct-horse-battery-9'

let users = 0

/** Makes a {@link ServerScene}, where `way` is how the server reaches the database, on a database of its own; it is gone after the tests of the file. */
export async function serverScene(settings: object = {}, way: (url: string) => string = (url) => url): Promise<ServerScene> {
  const db = await testDatabase()
  const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-server-'))
  const events: ServerEvent[] = []
  const server = await createServer({
    database: { connectionString: way(db.url) },
    settings: serverSettings.parse({
      port: 0,
      limits: { loginsPerMinute: 1000, bulkPerMinute: 1000, requestsPerMinute: 1_000_000 },
      ...settings,
    }),
    dataDir,
    pgagent: { database: { connectionString: way(db.url) }, timezone: 'UTC' },
    backups: async () => [
      {
        filename: 'a.dump',
        size: 1,
        createdAt: '2026-01-01T00:00:00.000Z',
        database: 'a',
        format: 'custom',
        sha256: null,
        server: null,
        label: null,
      },
    ],
    compareBackup: async (filename, database) => ({
      backup: { filename, database: 'a', server: null, tables: 0 },
      target: { database, tables: 0 },
      server: '18.0',
      tables: [],
    }),
    version: '0.0.0-test',
    onEvent: (event) => events.push(event),
  })
  afterAll(async () => {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  async function inject(options: InjectOptions): Promise<Answer> {
    const answer = await server.app.inject(options)
    const text = answer.body
    const isJson = /json/.test(String(answer.headers['content-type'])) && !/ndjson/.test(String(answer.headers['content-type']))
    return { status: answer.statusCode, headers: answer.headers, text, body: isJson && text ? JSON.parse(text) : text }
  }

  const caller =
    (authorization: string | null): Caller =>
    (method, url, body, headers = {}) =>
      inject({
        method: method as 'GET',
        url: url.startsWith('/api/') || /^\/(healthz|readyz|metrics)/.test(url) ? url : `/api/v1${url}`,
        headers: {
          ...(authorization ? { authorization } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      })

  return {
    db,
    server,
    events,
    anybody: caller(null),
    inject,
    as: (token) => caller(`Bearer ${token}`),
    async user(role, more = {}) {
      const email = more.email ?? `${role}-${++users}@example.com`
      const account = await addAccount(server.service.database, { email, password: scenePassword, role, ...more })
      const { token } = await server.service.identity.token(account)
      return Object.assign(caller(`Bearer ${token}`), { email, token })
    },
  }
}
