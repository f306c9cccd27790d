import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { asRunner, findRunner, giveTo } from '../../packages/trunkline/src/embedded/runner.ts'

/** Debian's pgbouncer, or null where it is not installed. */
export function findPgBouncer(): string | null {
  // an ordinary user's PATH does not lead to it
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, 'pgbouncer')).find((file) => existsSync(file)) ?? null
}

/** A running pgbouncer before a server. */
export interface PgBouncer {
  /** The same URL, by way of the pooler. */
  through(url: string): string
  stop(): Promise<void>
}

/** Options of {@link startPgBouncer}. */
export interface PgBouncerOptions {
  /** URL of the server, with user and password: all clients become that user. */
  server: string
  mode?: 'transaction' | 'session'
  /** Connections to the server, per database. Default 10. */
  poolSize?: number
  /** Lines for its configuration. */
  more?: string
}

/** Starts a pgbouncer of one's own; a waiting client is refused after 120 s, as by default. */
export async function startPgBouncer({ server, mode = 'transaction', poolSize = 10, more = '' }: PgBouncerOptions): Promise<PgBouncer> {
  const binary = findPgBouncer()
  if (!binary) throw new Error('pgbouncer missing')
  const { hostname, port, username, password } = new URL(server)
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-pgbouncer-'))
  const runner = findRunner(folder)
  const listenPort = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
* = host=${hostname} port=${port || 5432} user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 1000
logfile = ${join(folder, 'pgbouncer.log')}
${more}
`,
    { mode: 0o600 },
  )
  chmodSync(folder, 0o700)
  giveTo(folder, runner)
  giveTo(file, runner)
  const child = spawn(binary, [file], { ...asRunner(runner), stdio: 'ignore' })
  const through = (url: string) => {
    const changed = new URL(url)
    changed.hostname = '127.0.0.1'
    changed.port = String(listenPort)
    return changed.href
  }
  const stop = async () => {
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await untilItAnswers(through(server), child)
  } catch (error) {
    const log = existsSync(join(folder, 'pgbouncer.log')) ? readFileSync(join(folder, 'pgbouncer.log'), 'utf8').slice(-1000) : ''
    await stop()
    throw new Error(`pgbouncer did not start: ${log}`, { cause: error })
  }
  return { through, stop }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  // at once: SIGINT would wait for clients
  child.kill('SIGTERM')
  await gone
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('select 1')
      return
    } catch (error) {
      if (Date.now() > end || child.exitCode !== null) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      client.end().catch(() => {})
    }
  }
}

/** A port of the loopback address that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
