import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { knownPlaces } from '../../packages/trunkline/src/embedded/cluster.ts'
import { processesOf } from '../../packages/trunkline/src/embedded/postmaster.ts'
import { findRunner, giveTo } from '../../packages/trunkline/src/embedded/runner.ts'
import { type Embedded, startEmbedded } from '../../packages/trunkline/src/embedded.ts'

/** A PostgreSQL of a chaos run's own, which may be killed, filled up and slowed down. */
export interface Cluster {
  /** URL on the server itself, as superuser. */
  url(database: string): string
  readonly port: number
  readonly pid: number
  /** Its running processes, the first process among them. */
  processes(): number[]
  signal(signal: NodeJS.Signals): void
  /** Is a process of it alive that answers? */
  answers(): Promise<boolean>
  /** Starts it on its old port, or joins it when it runs. */
  start(): Promise<void>
  /** Disks that can be filled up, or null without root and tmpfs. */
  readonly disks: { data: Disk; wal: Disk } | null
  /** Runs statements one after the other on a connection of their own; rows of the last. */
  ask(sql: string | string[], database?: string, values?: unknown[]): Promise<any[]>
  stop(): Promise<void>
}

/** A file system that only the cluster uses. */
export interface Disk {
  /** Leaves no byte free. */
  fill(): void
  empty(): void
}

const settings = {
  max_connections: '70',
  shared_buffers: '64MB',
  max_wal_size: '96MB',
  min_wal_size: '32MB',
  recovery_init_sync_method: 'syncfs',
  // a client that the network has lost must not keep its transaction for two hours
  tcp_keepalives_idle: '5',
}

function tmpfs(at: string, megabytes: number): boolean {
  mkdirSync(at, { recursive: true, mode: 0o711 })
  if (process.getuid?.() !== 0) return false
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', at]).status === 0
}

function disk(at: string): Disk {
  const filler = join(at, 'filler')
  return {
    fill() {
      const { bavail, bsize } = statfsSync(at)
      const block = Buffer.alloc(1 << 20, 1)
      try {
        for (let left = bavail * bsize; left >= 0; left -= block.length) writeFileSync(filler, block, { flag: 'a' })
      } catch {
        // what was asked for: there is no room
      }
    },
    empty: () => rmSync(filler, { force: true }),
  }
}

/** Makes and starts a cluster in a temporary folder. */
export async function makeCluster(): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-chaos-'))
  // the server's user has to come to its disks
  chmodSync(folder, 0o711)
  const dataDir = join(folder, 'data')
  const walDir = join(folder, 'wal')
  const mounted: string[] = []
  for (const [at, size] of [
    [dataDir, 1500],
    [walDir, 400],
  ] as const)
    if (tmpfs(at, size)) mounted.push(at)
  function remove(): void {
    for (const at of mounted.reverse()) execFileSync('umount', ['-l', at])
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  let server = await startOn(dataDir, mounted.length === 2 ? walDir : null).catch((error) => {
    remove()
    throw error
  })
  const places = knownPlaces(dataDir)
  const { port } = server

  async function ask(sql: string | string[], database = 'postgres', values?: unknown[]): Promise<any[]> {
    const client = new pg.Client({
      connectionString: server.connectionString(database),
      application_name: 'bystander',
      connectionTimeoutMillis: 3000,
      query_timeout: 20_000,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      let rows: any[] = []
      for (const each of [sql].flat()) rows = (await client.query(each, values)).rows
      return rows
    } finally {
      await client.end().catch(() => {})
    }
  }

  return {
    url: (database) => server.connectionString(database),
    port,
    get pid() {
      return server.pid
    },
    processes: () => processesOf(places.cluster),
    signal: (signal) => {
      process.kill(server.pid, signal)
    },
    answers: () =>
      ask('select 1').then(
        () => true,
        () => false,
      ),
    async start() {
      server = await startEmbedded({ dataDir, settings, port })
    },
    disks: mounted.length === 2 ? { data: disk(dataDir), wal: disk(walDir) } : null,
    ask,
    async stop() {
      await server.stop().catch(() => {})
      remove()
    },
  }
}

async function startOn(dataDir: string, walDir: string | null): Promise<Embedded> {
  const server = await startEmbedded({ dataDir, settings })
  if (!walDir) return server
  await server.stop()
  moveWal(knownPlaces(dataDir).cluster, walDir)
  return await startEmbedded({ dataDir, settings, port: server.port })
}

/** Gives the log of changes a disk of its own, so that a full data disk is an error (53100) and not a panic. */
function moveWal(cluster: string, walDir: string): void {
  const from = join(cluster, 'pg_wal')
  const to = join(walDir, 'pg_wal')
  cpSync(from, to, { recursive: true, preserveTimestamps: true })
  execFileSync('chown', ['-R', '--reference', cluster, to])
  execFileSync('chmod', ['700', to])
  renameSync(from, `${from}.old`)
  symlinkSync(to, from)
  giveTo(walDir, findRunner(cluster))
  rmSync(`${from}.old`, { recursive: true, force: true })
}
