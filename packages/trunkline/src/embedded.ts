import { resolve } from 'node:path'
import pg from 'pg'
import { findBinaries } from './embedded/binaries.ts'
import { ensureCluster, knownPlaces, type Places, placesIn, readPassword } from './embedded/cluster.ts'
import { type Postmaster, readPostmaster, removeStale, servesCluster, waitFor } from './embedded/postmaster.ts'
import { findRunner, type Runner } from './embedded/runner.ts'
import { findRunning, host, launch, readyWithinMs, stopServer } from './embedded/server.ts'
import { withStartLock } from './embedded/start-lock.ts'
import { explained, unavailable } from './embedded/trouble.ts'

/** Options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  /** Holds the cluster, its password, its port and its log. Made when it is missing. */
  dataDir: string
  /** Server settings beyond ours. */
  settings?: Record<string, string>
  /** Default: a free port, remembered in the data directory. */
  port?: number
  /** A package folder with `native/`, or a folder with `bin/`, for another PostgreSQL than npm's 18. */
  binaries?: string
}

/** A running embedded server. */
export interface Embedded {
  /** URL with user and password. Default database `trunkline`. */
  connectionString(database?: string): string
  readonly host: string
  readonly port: number
  readonly pid: number
  readonly version: string
  /** It was running already: an orphan of a killed process, or another start was faster. */
  readonly joined: boolean
  /** Stops the server (fast: open transactions are rolled back); waits until it is gone. Twice is fine. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts the embedded PostgreSQL, or joins it when it runs already (then with the port and settings that it has). Works as
 * root (the server itself then runs as the owner of its data, `postgres` or nobody) and as an ordinary user, from any current
 * folder, after any kill of any part. It listens on the loopback address only; the password is random and in a file that only
 * we can read. The server outlives this process: end it with `stop`.
 *
 * In the data directory: `postgres/` (the data), `postgres.log`, `postgres.password`, `postgres.port`, `start.lock` while a
 * start is under way. As root below a folder that others cannot enter, `postgres.location` names where the data is instead: a
 * folder `cluster-…` in `TRUNKLINE_CACHE_DIR`, else `/var/cache/trunkline`. The data directory is made with mode 0700; when
 * root starts, 0711, so that the server's user can pass through.
 * @throws `embedded_unavailable` with what is wrong and what to do
 * @example await using database = await startEmbedded({ dataDir: '.trunkline' })
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const dataDir = resolve(options.dataDir)
  try {
    const runner = findRunner(knownPlaces(dataDir).cluster)
    const { lock } = placesIn(dataDir, runner)
    const started = await withStartLock(lock, readyWithinMs, () => startLocked(options, dataDir, runner))
    if (started) return started
  } catch (error) {
    throw explained(error, dataDir)
  }
  throw unavailable(`another start for ${dataDir} does not end`, `Wait for it, or end that process; its number is in start.lock.`)
}

/**
 * Finds the embedded server that runs for a data directory, such as from a second terminal.
 * @returns null when none runs
 * @throws `embedded_unavailable` when this user may not read its password
 */
export async function findEmbedded({ dataDir }: { dataDir: string }): Promise<Pick<Embedded, 'connectionString' | 'pid' | 'port'> | null> {
  try {
    const places = knownPlaces(resolve(dataDir))
    const password = readPassword(places)
    const found = readPostmaster(places.cluster)
    if (!password || !found || !servesCluster(found.pid, places.cluster)) return null
    return { pid: found.pid, port: found.port, connectionString: urlWith(password, found.port) }
  } catch (error) {
    throw explained(error, resolve(dataDir))
  }
}

function urlWith(password: string, port: number): (database?: string) => string {
  return (database = 'trunkline') => `postgres://trunkline:${password}@${host}:${port}/${encodeURIComponent(database)}`
}

async function startLocked(options: EmbeddedOptions, dataDir: string, runner: Runner): Promise<Embedded> {
  // again: another start may have decided meanwhile where the cluster lives
  const places = placesIn(dataDir, runner)
  const joined = await join(places)
  if (joined) return joined
  const binaries = await findBinaries(runner, options.binaries)
  await ensureCluster(places, binaries, runner)
  // left by a server that was killed, or its number belongs to something else by now
  removeStale(places.cluster)
  const order = { places, binaries, runner, settings: options.settings ?? {} }
  const started = await launch(options.port === undefined ? order : { ...order, port: options.port })
  try {
    return await handle(places, started, false)
  } catch (error) {
    await stopServer(started.pid, places)
    throw error
  }
}

async function join(places: Places): Promise<Embedded | null> {
  const running = await findRunning(places)
  if (!running) return null
  try {
    return await handle(places, running, true)
  } catch (error) {
    // one that was just killed, or is stopping, looks alive for another moment
    if (!(await waitFor(() => !servesCluster(running.pid, places.cluster), 2000))) throw error
    return await join(places)
  }
}

async function handle(places: Places, { pid, port }: Postmaster, joined: boolean): Promise<Embedded> {
  const password = readPassword(places)
  if (!password) throw unavailable(`${places.password} is missing`, 'Restore the file, or move the data directory away to begin anew.')
  const connectionString = urlWith(password, port)
  const version = await prepareDatabase(connectionString('postgres'))
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= stopServer(pid, places)
    return stopping
  }
  return { connectionString, host, port, pid, version, joined, stop, [Symbol.asyncDispose]: stop }
}

/** Makes the database `trunkline` if it is missing. @returns the version of the server */
async function prepareDatabase(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 30_000 })
  client.on('error', () => {})
  try {
    await client.connect().catch((error: Error) => {
      throw unavailable(
        `the server runs but does not let us in: ${error.message}`,
        'If its password file was lost, move the data directory away to begin anew.',
      )
    })
    const { rows } = await client.query(
      `select current_setting('server_version') v, exists(select from pg_database where datname = 'trunkline') found`,
    )
    // role and schema have the same name: without this people's own tables would land in the schema of the queue
    await client.query('alter role trunkline set search_path = public')
    if (!rows[0].found) await client.query('create database trunkline')
    return rows[0].v
  } finally {
    await client.end().catch(() => {})
  }
}
