import { show, TrunklineError } from '@trunkline/contract'
import pg from 'pg'
import type { Statement } from './statement.ts'
import { explain } from './transient.ts'

/**
 * How a connection plans. `general` is the server's own; `walk` pins nested loops over indexes (claim, give-up, promote …:
 * without statistics the planner would sort or scan the whole backlog, 18.8 against 7.1 µs a job); `join` pins hash joins (complete).
 */
export type Profile = 'general' | 'walk' | 'join'

const pins: Record<Profile, string> = {
  general: '',
  walk: 'set enable_sort = off; set enable_bitmapscan = off; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off;',
  join: 'set enable_nestloop = off; set enable_mergejoin = off; set enable_sort = off; set enable_seqscan = off; set enable_bitmapscan = off; set jit = off;',
}

// whatever the role's default: an acknowledged job is on disk, and a forgotten transaction of ours ends by itself
const always = "set synchronous_commit = on; set idle_in_transaction_session_timeout = '60s'; set client_min_messages = warning;"

/** Where and how to connect. */
export interface DatabaseOptions {
  /** A PostgreSQL URL or keyword string. */
  connectionString: string
  /** Default `trunkline`. */
  schema?: string
  /** Shown in `pg_stat_activity`. Default `trunkline`. */
  applicationName?: string
  /** Connections of the general pool. Default 5. */
  poolSize?: number
  /** How long to wait for a connection. Default 5,000 ms. */
  connectTimeoutMs?: number
  /** How long to wait for an answer; a black-holed connection is given up then. Default 30,000 ms. */
  queryTimeoutMs?: number
  /** Told of errors of idle connections, which are replaced by themselves. */
  onError?: (error: Error) => void
}

/** Anything with `query(text, values)`: a pg client, a pool, a transaction of the caller. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: any[] }>
}

/** The way to one database: pools by profile, own connections, statements in the configured schema. */
export interface Database {
  readonly schema: string
  readonly connectionString: string
  /** Runs a statement on a pooled connection of `profile` (default general), or on the caller's own `tx`. */
  run<Row = any>(statement: Statement, values: unknown[], on?: Profile | Queryable): Promise<Row[]>
  /** Runs a text that is not in a file: migrations, administration. */
  query<Row = any>(text: string, values?: unknown[]): Promise<Row[]>
  /** Runs `work` between begin and commit on one connection of `profile` (default general); rolls back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>, profile?: Profile): Promise<T>
  /** Opens a connection of one's own with the pins of `profile`. Its errors reach `onError`; it never crashes the process. */
  connect(profile: Profile, name: string, onError?: (error: Error) => void): Promise<pg.Client>
  close(): Promise<void>
}

/** @throws `invalid_option` unless `schema` can name a schema. */
export function checkSchema(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema
  throw new TrunklineError('invalid_option', {
    field: 'schema',
    received: show(schema),
    allowed: '1 to 63 of a-z 0-9 _, not starting with a digit',
  })
}

/**
 * Opens the way to a database. Nothing is sent before the first statement.
 * @throws `invalid_option`
 */
export function openDatabase(options: DatabaseOptions): Database {
  const schema = checkSchema(options.schema ?? 'trunkline')
  const onError = options.onError ?? (() => {})
  const settings = {
    connectionString: options.connectionString,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    query_timeout: options.queryTimeoutMs ?? 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
  const applicationName = options.applicationName ?? 'trunkline'
  const pools = new Map<Profile, pg.Pool>()

  function pool(profile: Profile): pg.Pool {
    let found = pools.get(profile)
    if (!found) {
      found = new pg.Pool({
        ...settings,
        application_name: applicationName,
        max: profile === 'general' ? (options.poolSize ?? 5) : 2,
        idleTimeoutMillis: 30_000,
        onConnect: async (client) => {
          client.on('error', onError)
          await client.query(always + pins[profile])
        },
      })
      found.on('error', onError)
      pools.set(profile, found)
    }
    return found
  }

  async function explained<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw explain(error, schema)
    }
  }

  return {
    schema,
    connectionString: options.connectionString,
    async run(statement, values, on = 'general') {
      const target = typeof on === 'string' ? pool(on) : on
      return (await explained(target.query(statement.text(schema), values))).rows
    },
    async query(text, values) {
      return (await explained(pool('general').query(text, values as unknown[]))).rows
    },
    async transaction(work, profile = 'general') {
      const client = await explained(pool(profile).connect())
      let broken: Error | undefined
      try {
        await client.query('begin')
        const result = await work(client)
        await client.query('commit')
        return result
      } catch (error) {
        await client.query('rollback').catch((failed: Error) => {
          broken = failed
        })
        throw explain(error, schema)
      } finally {
        client.release(broken)
      }
    },
    async connect(profile, name, onClientError = onError) {
      const client = new pg.Client({ ...settings, application_name: `${applicationName} ${name}` })
      client.on('error', onClientError)
      try {
        await client.connect()
        await client.query(always + pins[profile])
      } catch (error) {
        client.end().catch(() => {})
        throw explain(error, schema)
      }
      return client
    },
    async close() {
      await Promise.all([...pools.values()].map((p) => p.end()))
      pools.clear()
    },
  }
}

/** The settings of a server that decide what can be promised on it. */
export interface ServerFacts {
  /** Such as 180004. */
  versionNumber: number
  version: string
  fsync: boolean
  fullPageWrites: boolean
  readOnly: boolean
}

/** Reads {@link ServerFacts}. */
export async function serverFacts(database: Database): Promise<ServerFacts> {
  const [row] = await database.query(
    `select current_setting('server_version_num')::int n, current_setting('server_version') v, current_setting('fsync') f,
      current_setting('full_page_writes') w, pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' r`,
  )
  return { versionNumber: row.n, version: row.v, fsync: row.f === 'on', fullPageWrites: row.w === 'on', readOnly: row.r }
}

/** @throws `database_unsupported` below PostgreSQL 14, `database_unsafe` with fsync or full_page_writes off unless allowed */
export async function checkServer(database: Database, allowUnsafe = false): Promise<ServerFacts> {
  const facts = await serverFacts(database)
  if (facts.versionNumber < 140_000) {
    throw new TrunklineError('database_unsupported', { received: facts.version, allowed: '15 to 18 (14: best effort)' })
  }
  const off = !facts.fsync ? 'fsync = off' : !facts.fullPageWrites ? 'full_page_writes = off' : null
  if (off && !allowUnsafe) throw new TrunklineError('database_unsafe', { received: off })
  return facts
}
