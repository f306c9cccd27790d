import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { newPgAgentServer, pgAgentServer, pgAgentServerChange } from '@trunkline/contract/http'
import { type Database, type DatabaseOptions, isTransient, openDatabase, type Queryable, statement } from '@trunkline/engine/postgres'
import type { z } from 'zod'
import { covers, type Principal } from '../door/principal.ts'
import type { Secret } from '../door/secret.ts'

const listStatement = statement(import.meta.url, 'list-servers.sql')
const insertStatement = statement(import.meta.url, 'insert-server.sql')
const updateStatement = statement(import.meta.url, 'update-server.sql')
const deleteStatement = statement(import.meta.url, 'delete-server.sql')

/** The server of the settings. */
export const defaultSid = 'default'

/** The schema `pgagent` that the settings name. */
export interface DefaultPgAgent {
  database: DatabaseOptions
  /** Whose clock its schedules show. */
  timezone: string
  /** As whom SQL steps run; jobs that are cut over keep it. Default: as the worker's own role. */
  stepUser?: string | undefined
}

/** How to reach a server. */
export type Connection = z.output<typeof newPgAgentServer>['connection']

interface Row {
  sid: string
  name: string
  sealed: Buffer
  host_agent: string
  timezone: string
  version: number
  created_at: Date
  created_by: string | null
  updated_at: Date
}

/** A server with the way to it. */
export interface PgAgentServer {
  readonly sid: string
  readonly name: string
  readonly hostAgent: string
  readonly timezone: string
  readonly version: number
  readonly createdAt: Date | null
  readonly createdBy: string | null
  /** Null where it cannot be read: it was sealed with another secret. Of the server of the settings likewise: they are not shown. */
  readonly connection: Connection | null
}

/** The servers with a schema `pgagent`. */
export interface PgAgentServers {
  /** As whom SQL steps of the server of the settings run. */
  readonly stepUser: string | undefined
  /** Those within the caller's scope, by name; that of the settings first. */
  list(principal: Principal): Promise<PgAgentServer[]>
  /** @throws `server_not_found`, also outside the caller's scope */
  find(principal: Principal, sid: string): Promise<PgAgentServer>
  /** Whoever asks: for what goes on by itself. @throws `server_not_found` */
  lookup(sid: string): Promise<PgAgentServer>
  /** What a server answered, as an error of ours. */
  said(error: unknown, sid: string): unknown
  /** @throws `name_taken` */
  add(given: z.output<typeof newPgAgentServer>, by: string, tx: Queryable): Promise<PgAgentServer>
  /** @throws `server_changed`, `invalid_request` where the way changes and no password came along */
  change(server: PgAgentServer, given: z.output<typeof pgAgentServerChange>, tx: Queryable): Promise<PgAgentServer>
  remove(server: PgAgentServer, tx: Queryable): Promise<void>
  /** Does something there; what that server answers becomes an error of ours. @throws `pgagent_unavailable`, `pgagent_missing`, `pgagent_denied`, `pgagent_rejected` */
  at<T>(server: PgAgentServer, work: (database: Database) => Promise<T>): Promise<T>
  /** The way to it, shared by all. @throws `not_configured` where it cannot be read */
  open(server: PgAgentServer): Database
  close(): Promise<void>
}

const connectTimeoutMs = 2500
const queryTimeoutMs = 10_000
const tlsOf = { disable: 'disable', require: 'require', 'verify-full': 'verify-full' } as const

/** The way to a server as a URL, with its password. */
export function urlOf({ host, port, database, user, password, tls }: Connection): string {
  const url = new URL(`postgres://${host.includes(':') ? `[${host}]` : host}:${port}/`)
  url.username = encodeURIComponent(user)
  url.password = encodeURIComponent(password)
  url.pathname = `/${encodeURIComponent(database)}`
  url.searchParams.set('sslmode', tlsOf[tls])
  // so that `require` means what it means for libpq: encrypted, whoever answers
  if (tls === 'require') url.searchParams.set('uselibpqcompat', 'true')
  return url.href
}

/** Its connection was sealed with another secret. */
export const unreadable = (sid: string) =>
  new TrunklineError('not_configured', {
    what: `the way to the pgAgent server ${sid}`,
    advice: 'It was sealed with another secret: enter its connection again, with the password.',
  })

/** What that server said, as an error of ours: never its address, never a statement. */
function said(error: unknown, sid: string): unknown {
  if (isTrunklineError(error, 'schema_missing')) return new TrunklineError('pgagent_missing', { where: `the pgAgent server ${sid}` })
  if (isTransient(error)) return new TrunklineError('pgagent_unavailable', { field: 'sid', received: sid }, { cause: error })
  if (isTrunklineError(error)) return error
  const { code, severity, message } = error as { code?: unknown; severity?: unknown; message: string }
  // what is no answer of the server is one of the way to it: TLS, certificates, names
  if (severity === undefined && (typeof code === 'string' || /SSL|certificate/i.test(message)))
    return new TrunklineError('pgagent_unavailable', { field: 'sid', received: sid }, { cause: error })
  if (typeof code !== 'string') return error
  const values = { field: 'sid', received: sid, problem: message.slice(0, 500) }
  return new TrunklineError(code === '42501' ? 'pgagent_denied' : 'pgagent_rejected', values, { cause: error })
}

/** Makes {@link PgAgentServers}. */
export function createPgAgentServers(database: Database, secret: Secret, settings: DefaultPgAgent | null): PgAgentServers {
  const opened = new Map<string, { version: number; database: Database }>()
  const own: PgAgentServer | null = settings && {
    ...{ sid: defaultSid, name: defaultSid, hostAgent: '', timezone: settings.timezone, version: 1 },
    ...{ createdAt: null, createdBy: null, connection: null },
  }
  const mayReach = ({ scopes }: Principal, sid: string) => covers(scopes.servers, sid)
  const notFound = (sid: string) => new TrunklineError('server_not_found', { field: 'sid', received: sid })

  function serverOf(row: Row): PgAgentServer {
    const text = secret.open(row.sealed)
    return {
      ...{ sid: row.sid, name: row.name, hostAgent: row.host_agent, timezone: row.timezone, version: row.version },
      ...{ createdAt: row.created_at, createdBy: row.created_by, connection: text === null ? null : JSON.parse(text) },
    }
  }

  async function lookup(sid: string): Promise<PgAgentServer> {
    if (sid === defaultSid && own) return own
    const [row] = await database.run<Row>(listStatement, [sid])
    if (row) return serverOf(row)
    throw notFound(sid)
  }

  function forget(sid: string): void {
    const there = opened.get(sid)
    opened.delete(sid)
    there?.database.close().catch(() => {})
  }

  function open({ sid, version, connection }: PgAgentServer): Database {
    const there = opened.get(sid)
    if (there?.version === version) return there.database
    forget(sid)
    if (sid !== defaultSid && connection === null) throw unreadable(sid)
    const way = connection === null ? (settings as DefaultPgAgent).database : { connectionString: urlOf(connection) }
    const made = openDatabase({ ...way, connectTimeoutMs, queryTimeoutMs, poolSize: 3, applicationName: 'trunkline pgagent api' })
    opened.set(sid, { version, database: made })
    return made
  }

  return {
    stepUser: settings?.stepUser,
    async list(principal) {
      const all = (await database.run<Row>(listStatement, [null])).map(serverOf)
      return [...(own ? [own] : []), ...all].filter(({ sid }) => mayReach(principal, sid))
    },
    async find(principal, sid) {
      if (!mayReach(principal, sid)) throw notFound(sid)
      return await lookup(sid)
    },
    lookup,
    said,
    async add({ sid, name, connection, hostAgent, timezone }, by, tx) {
      const sealed = secret.seal(JSON.stringify(connection))
      const [row] = await database.run<Row>(insertStatement, [sid, name, sealed, hostAgent, timezone, by], tx)
      if (row) return serverOf(row)
      throw new TrunklineError('name_taken', { field: 'sid', what: 'pgAgent server', received: sid })
    },
    async change(server, given, tx) {
      const { sid, connection: before } = server
      const after = { port: 5432, tls: 'disable', ...before, ...given.connection } as Connection
      const moved = before === null || (['host', 'port', 'database', 'user', 'tls'] as const).some((part) => after[part] !== before[part])
      // whoever may change where it is must not get the password sent there
      if (moved && given.connection?.password === undefined)
        throw new TrunklineError('invalid_request', {
          field: 'connection.password',
          problem: 'is needed with every change of the connection',
        })
      const { name = server.name, hostAgent = server.hostAgent, timezone = server.timezone, version = server.version } = given
      const values = [sid, version, name, secret.seal(JSON.stringify(after)), hostAgent, timezone]
      const [row] = await database.run<Row>(updateStatement, values, tx)
      if (!row) throw new TrunklineError('server_changed', { field: 'version', received: version, found: server.version })
      return serverOf(row)
    },
    async remove({ sid }, tx) {
      await database.run(deleteStatement, [sid], tx)
      forget(sid)
    },
    async at(server, work) {
      try {
        return await work(open(server))
      } catch (error) {
        throw said(error, server.sid)
      }
    },
    open,
    async close() {
      await Promise.all([...opened.values()].map((there) => there.database.close()))
      opened.clear()
    },
  }
}

/** A server, as it is answered: never a password; where it is only to administrators. */
export function serverAnswer(server: PgAgentServer, showWay: boolean): z.output<typeof pgAgentServer> {
  const { connection, createdAt, ...rest } = server
  const way = () => {
    if (connection === null || !showWay) return null
    const { host, port, database, user, tls } = connection
    return { host, port, database, user, tls }
  }
  return { ...rest, isDefault: server.sid === defaultSid, createdAt: createdAt?.toISOString() ?? null, connection: way() }
}
