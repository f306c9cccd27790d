import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { type Binaries, findBinaries } from './embedded/binaries.ts'
import { ensureCluster, knownPlaces, type Places, placesIn, readPassword, unavailable } from './embedded/cluster.ts'
import { isAlive, readPostmaster, removeStale, servesCluster, waitFor } from './embedded/postmaster.ts'
import { asRunner, findRunner, type Runner } from './embedded/runner.ts'
import { withStartLock } from './embedded/start-lock.ts'

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

const host = '127.0.0.1'

/** ENGINE's figures were measured with these; durability is the default of PostgreSQL and said here so that nothing turns it off. */
const defaultSettings: Record<string, string> = {
  listen_addresses: host,
  unix_socket_directories: '',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  jit: 'off',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  max_connections: '200',
  password_encryption: 'scram-sha-256',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/**
 * Starts the embedded PostgreSQL, or joins it when it runs already. Works as root (the server itself then runs as `postgres`
 * or nobody) and as an ordinary user, after any kill of any part. It listens on the loopback address only; the password is
 * random and in a file that only we can read.
 * @throws `embedded_unavailable` with what is wrong and what to do
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const dataDir = resolve(options.dataDir)
  const runner = findRunner()
  const binaries = findBinaries(runner, options.binaries)
  const places = placesIn(dataDir, runner)
  const started = await withStartLock(places.lock, 60_000, () => startLocked(options, places, binaries, runner))
  if (!started) throw unavailable(`another start has held ${places.lock} for a minute`, 'Wait for it, or end that process.')
  return started
}

/**
 * Finds the embedded server that runs for a data directory, such as from a second terminal.
 * @returns null when none runs
 */
export async function findEmbedded({ dataDir }: { dataDir: string }): Promise<Pick<Embedded, 'connectionString' | 'pid' | 'port'> | null> {
  const places = knownPlaces(resolve(dataDir))
  const password = readPassword(places)
  const found = readPostmaster(places.cluster)
  if (!password || !found || !servesCluster(found.pid, places.cluster)) return null
  return { pid: found.pid, port: found.port, connectionString: urlWith(password, found.port) }
}

function urlWith(password: string, port: number): (database?: string) => string {
  return (database = 'trunkline') => `postgres://trunkline:${password}@${host}:${port}/${encodeURIComponent(database)}`
}

async function startLocked(options: EmbeddedOptions, places: Places, binaries: Binaries, runner: Runner): Promise<Embedded> {
  const { cluster } = places
  const there = readPostmaster(cluster)
  if (there && servesCluster(there.pid, cluster)) {
    const ready = await waitFor(() => readPostmaster(cluster)?.ready ?? false, 60_000)
    if (ready) return await handle(places, there.pid, there.port, true)
    throw unavailable(`the server ${there.pid} does not become ready${tail(places)}`, 'End that process and start again.')
  }
  await ensureCluster(places, binaries, runner)
  // left by a server that was killed, or its number belongs to something else by now
  removeStale(cluster)
  const port = options.port ?? (await choosePort(places))
  const pid = await launch(options, places, binaries, runner, port)
  writeFileSync(places.port, String(port), { mode: 0o600 })
  return await handle(places, pid, port, false)
}

async function choosePort(places: Places): Promise<number> {
  const before = existsSync(places.port) ? Number(readFileSync(places.port, 'utf8')) : 0
  return (await tryPort(before)) ?? (await tryPort(0)) ?? 0
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(null))
    server.listen(port, host, () => {
      const { port: got } = server.address() as { port: number }
      server.close(() => done(got))
    })
  })
}

async function launch(options: EmbeddedOptions, places: Places, binaries: Binaries, runner: Runner, port: number): Promise<number> {
  if (existsSync(places.log) && statSync(places.log).size > 10 * 1024 * 1024) truncateSync(places.log, 0)
  const settings = { ...defaultSettings, port: String(port), ...options.settings }
  const args = ['-D', places.cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  // a pipe would die with us and take the server's messages along
  const log = openSync(places.log, 'a', 0o600)
  const child = spawn(join(binaries.bin, 'postgres'), args, {
    ...asRunner(runner),
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
  })
  closeSync(log)
  let ended: string | null = null
  child.once('error', (error) => {
    ended = error.message
  })
  child.once('exit', (code, signal) => {
    ended = `it ended with ${signal ?? code}`
  })
  child.unref()
  const ready = await waitFor(() => {
    if (ended) return true
    const said = readPostmaster(places.cluster)
    return said?.pid === child.pid && said?.ready
  }, 120_000)
  if (ready && !ended && child.pid) return child.pid
  if (!ended) child.kill('SIGKILL')
  throw unavailable(`the server did not start: ${ended ?? 'no answer for two minutes'}${tail(places)}`, `Read ${places.log}.`)
}

function tail(places: Places): string {
  if (!existsSync(places.log)) return ''
  const lines = readFileSync(places.log, 'utf8').trim().split('\n').slice(-5)
  return `; its last words: ${lines.join(' | ').slice(-1500)}`
}

async function handle(places: Places, pid: number, port: number, joined: boolean): Promise<Embedded> {
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

async function prepareDatabase(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 30_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query(
      `select current_setting('server_version') v, exists(select from pg_database where datname = 'trunkline') found`,
    )
    if (!rows[0].found) await makeDatabase(client)
    return rows[0].v
  } catch (error) {
    throw unavailable(
      `the server runs but does not let us in: ${(error as Error).message}`,
      'If its password file was lost, move the data directory away to begin anew.',
    )
  } finally {
    await client.end().catch(() => {})
  }
}

async function makeDatabase(client: pg.Client): Promise<void> {
  // role and schema have the same name: people's own tables would land in the schema of the queue
  await client.query('alter role trunkline set search_path = public')
  await client.query('create database trunkline')
}

async function stopServer(pid: number, places: Places): Promise<void> {
  const gone = () => !servesCluster(pid, places.cluster)
  const tell = (signal: NodeJS.Signals) => {
    if (!gone()) process.kill(pid, signal)
  }
  tell('SIGINT')
  if (await waitFor(gone, 30_000)) return
  tell('SIGQUIT')
  if (await waitFor(gone, 10_000)) return
  tell('SIGKILL')
  await waitFor(() => !isAlive(pid), 5000)
}
