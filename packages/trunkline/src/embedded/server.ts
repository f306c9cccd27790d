import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Binaries } from './binaries.ts'
import type { Places } from './cluster.ts'
import { isAlive, type Postmaster, processesOf, readPostmaster, servesCluster, tell, waitFor } from './postmaster.ts'
import { asRunner, type Runner } from './runner.ts'
import { unavailable } from './trouble.ts'

/** Where the embedded server listens; never anywhere else unless a setting says so. */
export const host = '127.0.0.1'

/** Recovery after a kill replays up to `max_wal_size` and can take minutes on a slow disk; ending it would only begin it anew. */
export const readyWithinMs = 600_000

const longestLog = 10 * 1024 * 1024

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

/** What to start. */
export interface Launch {
  readonly places: Places
  readonly binaries: Binaries
  readonly runner: Runner
  readonly settings: Record<string, string>
  /** Default: the remembered port if it is free, else any that is. */
  readonly port?: number
}

/**
 * The server that runs for a cluster, once it is ready. When there is none, nothing of a killed one is left afterwards:
 * a backend in the middle of a long statement does not notice that its postmaster died, and would write beside a new server.
 * @throws `embedded_unavailable` when what runs neither gets ready nor ends
 */
export async function findRunning(places: Places): Promise<Postmaster | null> {
  const { cluster } = places
  const serving = () => {
    const said = readPostmaster(cluster)
    return said && servesCluster(said.pid, cluster) ? said : null
  }
  const empty = () => processesOf(cluster).length === 0
  // one that was started a moment ago has yet to write its file; backends of a dead one leave by themselves, if they wait
  await waitFor(() => serving() ?? empty(), 3000)
  const there = serving()
  if (there) {
    const settled = await waitFor(() => !isAlive(there.pid) || serving()?.ready, readyWithinMs)
    const ready = serving()
    if (ready?.ready) return ready
    if (!settled)
      throw unavailable(`the server ${there.pid} does not get ready${lastWords(places)}`, `Read ${places.log}, or end that process.`)
  }
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    for (const pid of processesOf(cluster)) tell(pid, signal)
    if (await waitFor(empty, 5000)) return null
  }
  throw unavailable(
    `processes of a dead server cannot be ended: ${processesOf(cluster).join(', ')}`,
    'They probably wait for the disk; look at it, or restart the machine.',
  )
}

/** Starts the server and waits until it is ready. @throws `embedded_unavailable` with the last lines of its log */
export async function launch(order: Launch): Promise<Postmaster> {
  const fixed = order.settings.port ?? order.port
  for (let turn = 1; ; turn++) {
    const port = Number(fixed ?? (await choosePort(order.places)))
    const started = await launchOn(port, order)
    if (!('problem' in started)) {
      writeFileSync(order.places.port, String(port), { mode: 0o600 })
      return started
    }
    // somebody took the free port between our look and the server's
    if (fixed === undefined && turn < 3 && /could not (bind|create any TCP)/.test(started.problem)) continue
    throw unavailable(`the server did not start: ${started.problem}`, `Read ${order.places.log}.`)
  }
}

async function launchOn(port: number, order: Launch): Promise<Postmaster | { problem: string }> {
  const { places, binaries, runner } = order
  if (existsSync(places.log) && statSync(places.log).size > longestLog) truncateSync(places.log, 0)
  const settings = { ...defaultSettings, ...order.settings, port: String(port) }
  const args = ['-D', places.cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  // a pipe would die with us and take the server's messages along
  const log = openSync(places.log, 'a', 0o600)
  const before = fstatSync(log).size
  const child = spawn(join(binaries.bin, 'postgres'), args, { ...asRunner(runner), detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  let ended: string | null = null
  child.once('error', (error) => {
    ended ??= error.message
  })
  child.once('exit', (code, signal) => {
    ended ??= `it ended with ${signal ?? code}`
  })
  child.unref()
  const ours = () => {
    const said = readPostmaster(places.cluster)
    return said?.pid === child.pid && said?.ready ? said : null
  }
  await waitFor(() => ended ?? ours(), readyWithinMs)
  const ready = ours()
  if (ready && !ended) return ready
  if (!ended && child.pid) await stopServer(child.pid, places)
  return { problem: `${ended ?? `no answer for ${readyWithinMs / 60_000} minutes`}${lastWords(places, before)}` }
}

async function choosePort(places: Places): Promise<number> {
  const before = existsSync(places.port) ? Number(readFileSync(places.port, 'utf8')) : 0
  const remembered = before > 0 && before < 65_536 ? await tryPort(before) : null
  const port = remembered ?? (await tryPort(0))
  if (port) return port
  throw unavailable(`no port of ${host} is free`, 'Name one with the port option, or end what holds them.')
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

/** The last lines of the log from byte `from` on, as an end of a sentence. */
function lastWords(places: Places, from = 0): string {
  if (!existsSync(places.log)) return ''
  const log = openSync(places.log, 'r')
  try {
    const { size } = fstatSync(log)
    const part = Buffer.alloc(Math.min(4000, Math.max(0, size - from)))
    readSync(log, part, 0, part.length, size - part.length)
    const lines = part.toString().trim().split('\n').slice(-5).join(' | ')
    return lines ? `; its last words: ${lines.slice(-1500)}` : ''
  } finally {
    closeSync(log)
  }
}

/**
 * Stops the server: fast (open transactions are rolled back), after 30 s at once (the next start then recovers), after 10 s
 * more by force. Waits until it is gone; a server that is gone already is fine.
 */
export async function stopServer(pid: number, { cluster }: Places): Promise<void> {
  const gone = () => !servesCluster(pid, cluster)
  for (const [signal, ms] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 5000],
  ] as const) {
    if (gone()) return
    tell(pid, signal)
    if (await waitFor(gone, ms)) return
  }
  throw unavailable(`the server ${pid} cannot be ended`, 'It probably waits for the disk; look at it, or restart the machine.')
}
