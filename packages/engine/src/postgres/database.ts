import { isTrunklineError, show, TrunklineError } from '@trunkline/contract'
import pg from 'pg'
import { checkPooler, detectPooler, type Pooler } from './pooler.ts'
import { checkPrimary, connectToPrimary, connectWithin, type Servers, serversOf, whyNone } from './primary.js'
import { beginWithSettings, type Profile, send, sessionSettings } from './send.ts'
import type { Statement } from './statement.ts'
import { explain, isTransient } from './transient.ts'

/** Where and how to connect. */
export interface DatabaseOptions {
  /**
   * A PostgreSQL URL. With several servers, as in libpq, `postgres://user:password@first:5432,second:5432/database`, the one
   * that is the primary is used, also after it has changed.
   */
  connectionString: string
  /** A way past a pooler, for what needs a session: LISTEN, the heartbeat, migrations. Default: none, and workers poll where there is a pooler. */
  directConnectionString?: string
  /** What stands before the server. Default `auto`: found out with the first connection. */
  pooler?: Pooler
  /** Default `trunkline`. */
  schema?: string
  /** Shown in `pg_stat_activity`. Default `trunkline`. */
  applicationName?: string
  /** Connections of the general pool, and of that for prepared statements (adding jobs). Default 5 each, made when they are needed. */
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

/** Connections of pools, and who waits for one. */
export interface PoolFigures {
  open: number
  idle: number
  waiting: number
}

/** The way to one database: pools by plan profile, own connections, statements in the configured schema. */
export interface Database {
  readonly schema: string
  readonly connectionString: string
  /** Its servers, for connections made elsewhere: the heartbeat's thread. */
  readonly servers: Servers
  /** The way past a pooler; itself where none was given. */
  readonly direct: Database
  /** Does a pooler change the server's connection between transactions? Asks with the first call. @throws `database_unavailable` */
  pooled(): Promise<boolean>
  /** Runs a statement on a pooled connection of `profile` (default general, for a prepared statement `prepared`), or on the caller's own `tx`. */
  run<Row = any>(statement: Statement, values: unknown[], on?: Profile | Queryable): Promise<Row[]>
  /** Runs a text that is not in a file: migrations, administration. */
  query<Row = any>(text: string, values?: unknown[]): Promise<Row[]>
  /** Runs `work` between begin and commit on one connection of `profile` (default general); rolls back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>, profile?: Profile): Promise<T>
  /**
   * Opens a connection of one's own to the primary, with the pins of `profile`, unless it is pooled: then `send` brings them
   * along. Its errors reach `onError`; it never crashes the process.
   */
  connect(profile: Profile, name: string, onError?: (error: Error) => void): Promise<pg.Client>
  /** Connections of all pools as they are now. */
  poolFigures(): PoolFigures
  close(): Promise<void>
  /** It stands for one open transaction (see {@link withinTransaction}): nothing in it can be tried again. */
  readonly inTransaction?: true
}

/** `database` for the length of one open transaction: whatever is run on it belongs to `tx`, whose owner commits. */
export function withinTransaction(database: Database, tx: Queryable): Database {
  const inside: Database = {
    ...database,
    direct: database.direct,
    inTransaction: true,
    run: (statement, values, on) => database.run(statement, values, on === undefined || typeof on === 'string' ? tx : on),
    query: async (text, values) => (await tx.query(text, values)).rows,
    transaction: (work) => work(tx),
  }
  return inside
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
  const { connectionString, directConnectionString, applicationName = 'trunkline', poolSize = 5, onError = () => {} } = options
  const schema = checkSchema(options.schema ?? 'trunkline')
  const pooler = checkPooler(options.pooler)
  const servers = serversOf(connectionString)
  const settings = {
    connectionTimeoutMillis: connectWithin(servers, options.connectTimeoutMs ?? 5000),
    query_timeout: options.queryTimeoutMs ?? 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
  const pools = new Map<string, pg.Pool>()
  const past = directConnectionString ? openDatabase(pastPooler(options, directConnectionString)) : null

  let asked: Promise<boolean> | null = pooler === 'auto' ? null : Promise.resolve(pooler === 'transaction')
  function pooled(): Promise<boolean> {
    if (asked) return asked
    const config = { ...settings, application_name: `${applicationName} probe` }
    const another = async () => {
      const client = new pg.Client({ ...config, connectionString: servers.urls[servers.preferred] as string })
      client.on('error', () => {})
      await client.connect()
      return client
    }
    const mine = explained(detectPooler(() => connectToPrimary(servers, config, () => {}), another))
    asked = mine
    // the next call asks again
    mine.catch(() => {
      asked = null
    })
    return mine
  }

  function pool(profile: Profile, at: number, shared: boolean): pg.Pool {
    const key = `${at} ${profile}`
    let found = pools.get(key)
    if (!found) {
      found = new pg.Pool({
        ...settings,
        connectionString: servers.urls[at] as string,
        pipeline: shared,
        application_name: applicationName,
        max: profile === 'general' || profile === 'prepared' ? poolSize : Math.max(2, Math.floor(poolSize / 2)),
        // making one takes some 12 ms, which a call that meets a chore of the keeper would wait for
        idleTimeoutMillis: 300_000,
        onConnect: async (client) => {
          client.on('error', onError)
          if (!shared) await client.query(sessionSettings(profile))
          await checkPrimary(client, servers, at)
        },
      })
      found.on('error', onError)
      pools.set(key, found)
    }
    return found
  }

  async function acquire(profile: Profile, shared: boolean): Promise<{ client: pg.PoolClient; at: number }> {
    const failures: Error[] = []
    const first = servers.preferred
    for (let i = 0; i < servers.urls.length; i++) {
      const at = (first + i) % servers.urls.length
      try {
        const client = await pool(profile, at, shared).connect()
        servers.preferred = at
        return { client, at }
      } catch (error) {
        failures.push(error as Error)
      }
    }
    throw whyNone(failures, servers)
  }

  /** Other connections to a server that failed may hang as well: with another one to go to, they are not tried. */
  function retire(at: number): void {
    for (const [key, of] of pools) {
      if (!key.startsWith(`${at} `)) continue
      pools.delete(key)
      of.end().catch(() => {})
    }
  }

  async function borrow<T>(profile: Profile, work: (client: pg.PoolClient, shared: boolean) => Promise<T>): Promise<T> {
    const shared = await pooled()
    const { client, at } = await explained(acquire(profile, shared))
    let failure: Error | undefined
    try {
      return await work(client, shared)
    } catch (error) {
      failure = error as Error
      throw explain(error, schema)
    } finally {
      // what was refused by ourselves leaves the connection whole; anything else may not
      client.release(failure && isTrunklineError(failure) && !isTransient(failure) ? undefined : failure)
      if (failure && servers.urls.length > 1 && isTransient(failure)) retire(at)
    }
  }

  async function explained<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw explain(error, schema)
    }
  }

  const database: Database = {
    schema,
    connectionString,
    servers,
    get direct() {
      return past ?? database
    },
    pooled,
    async run(statement, values, on = statement.prepared ? 'prepared' : 'general') {
      if (typeof on !== 'string') return (await explained(on.query(statement.text(schema), values))).rows
      const named = statement.prepared === true
      return await borrow(
        on,
        async (client, shared) => (await send(client, statement, values, { schema, profile: on, pooled: shared, named })).rows,
      )
    },
    async query(text, values) {
      return await borrow('general', async (client) => (await client.query(text, values as unknown[])).rows)
    },
    async transaction(work, profile = 'general') {
      return await borrow(profile, async (client, shared) => {
        await client.query(shared ? beginWithSettings(profile) : 'begin')
        try {
          const result = await work(client)
          await client.query('commit')
          return result
        } catch (error) {
          // a connection that does not answer would not answer this either, and is closed anyway
          if (!isTransient(error)) await client.query('rollback').catch(() => {})
          throw error
        }
      })
    },
    async connect(profile, name, onClientError = onError) {
      const shared = await pooled()
      const config = { ...settings, pipeline: shared, application_name: `${applicationName} ${name}` }
      const client = await explained(connectToPrimary(servers, config, onClientError))
      try {
        if (!shared) await client.query(sessionSettings(profile))
      } catch (error) {
        client.end().catch(() => {})
        throw explain(error, schema)
      }
      return client
    },
    poolFigures() {
      const sum = (read: (of: pg.Pool) => number) => [...pools.values()].reduce((n, of) => n + read(of), 0)
      return { open: sum((of) => of.totalCount), idle: sum((of) => of.idleCount), waiting: sum((of) => of.waitingCount) }
    },
    async close() {
      await Promise.all([...pools.values()].map((p) => p.end()))
      pools.clear()
      await past?.close()
    },
  }
  return database
}

function pastPooler({ directConnectionString: _, ...options }: DatabaseOptions, connectionString: string): DatabaseOptions {
  return { ...options, connectionString, pooler: 'none' }
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
