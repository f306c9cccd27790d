import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries } from './binaries.ts'
import { cacheFolder } from './cache.ts'
import { asRunner, giveTo, type Runner, reachableFor } from './runner.ts'
import { unavailable } from './trouble.ts'

const run = promisify(execFile)

/** Where the parts of an embedded server are. */
export interface Places {
  /** The cluster. Usually `<dataDir>/postgres`; `<dataDir>/postgres.location` names another one. */
  readonly cluster: string
  readonly log: string
  readonly password: string
  readonly port: string
  readonly lock: string
}

/** Makes the data directory; decides where the cluster is. */
export function placesIn(dataDir: string, runner: Runner): Places {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const places = knownPlaces(dataDir)
  if (!runner.dropped || existsSync(places.cluster)) return places
  const moved = places.cluster !== knownHome(dataDir)
  if (moved && existsSync(places.port))
    throw unavailable(
      `the data is gone: ${join(dataDir, 'postgres.location')} names ${places.cluster}, and nothing is there`,
      `Bring that folder back, or move ${dataDir} away to begin anew and restore a backup.`,
    )
  // the server is another user than we: it must be able to pass through our folder, and sees nothing else in it
  if (reachableFor(dataDir, runner)) {
    chmodSync(dataDir, 0o711)
    return places
  }
  // below a closed home (0700) it cannot come: the cluster lives in a place that it can reach, and the data directory says where
  const elsewhere = join(cacheFolder(), `cluster-${randomBytes(8).toString('hex')}`)
  if (!reachableFor(elsewhere, runner))
    throw unavailable(
      `the user that runs the server (${runner.uid}; root may not) can reach neither ${dataDir} nor ${elsewhere}`,
      'Name a folder that every user can pass through with TRUNKLINE_CACHE_DIR.',
    )
  writeFileSync(join(dataDir, 'postgres.location'), elsewhere, { mode: 0o600, flush: true })
  return knownPlaces(dataDir)
}

function knownHome(dataDir: string): string {
  return join(dataDir, 'postgres')
}

/** The places as they are known by now. */
export function knownPlaces(dataDir: string): Places {
  const pointer = join(dataDir, 'postgres.location')
  const cluster = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : ''
  return {
    cluster: cluster || knownHome(dataDir),
    log: join(dataDir, 'postgres.log'),
    password: join(dataDir, 'postgres.password'),
    port: join(dataDir, 'postgres.port'),
    lock: join(dataDir, 'start.lock'),
  }
}

/** The password of the role `trunkline`: 32 random bytes, in a file only we may read. */
export function readPassword(places: Places): string | null {
  return existsSync(places.password) ? readFileSync(places.password, 'utf8').trim() || null : null
}

/** Makes the cluster if there is none: beside its place, then renamed, so that a half-made one is never mistaken for one. */
export async function ensureCluster(places: Places, binaries: Binaries, runner: Runner): Promise<void> {
  const { cluster } = places
  for (const left of readdirSync(dirname(cluster))) {
    // its maker was killed; its initdb may be at work for another moment
    if (left.startsWith(`${basename(cluster)}.init-`))
      rmSync(join(dirname(cluster), left), { recursive: true, force: true, maxRetries: 10 })
  }
  if (existsSync(join(cluster, 'PG_VERSION'))) return checkVersion(cluster, binaries)
  if (existsSync(cluster) && readdirSync(cluster).length > 0)
    throw unavailable(
      `${cluster} holds files, but no PostgreSQL data (PG_VERSION is missing)`,
      'Move that folder away, or choose another data directory with TRUNKLINE_DATA_DIR.',
    )
  const password = randomBytes(32).toString('base64url')
  const fresh = `${cluster}.init-${randomBytes(4).toString('hex')}`
  try {
    await initdb(fresh, password, binaries, runner)
    writeFileSync(places.password, password, { mode: 0o600, flush: true })
    rmSync(cluster, { recursive: true, force: true })
    renameSync(fresh, cluster)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true, maxRetries: 10 })
    throw error
  }
}

async function initdb(fresh: string, password: string, binaries: Binaries, runner: Runner): Promise<void> {
  const pwfile = `${fresh}.password`
  const args = ['-D', fresh, '-U', 'trunkline', `--pwfile=${pwfile}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C']
  try {
    mkdirSync(fresh, { mode: 0o700 })
    giveTo(fresh, runner)
    writeFileSync(pwfile, password, { mode: 0o600 })
    giveTo(pwfile, runner)
    const options = { ...asRunner(runner), timeout: 120_000, killSignal: 'SIGKILL' as const }
    await run(join(binaries.bin, 'initdb'), [...args, '--data-checksums', '--no-instructions'], options)
  } catch (error) {
    const { stderr, message, killed } = error as { stderr?: string; message: string; killed?: boolean }
    throw unavailable(
      `initdb failed: ${killed ? 'no end after two minutes; ' : ''}${(stderr || message).trim().slice(-1000)}`,
      'Check that there is room and that the folder is writable: trunkline doctor.',
    )
  } finally {
    rmSync(pwfile, { force: true })
  }
}

function checkVersion(cluster: string, binaries: Binaries): void {
  const has = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  if (has === String(binaries.major)) return
  throw unavailable(
    `the data in ${cluster} is of PostgreSQL ${has}, the binaries are ${binaries.major}`,
    `Start once more with PostgreSQL ${has} and make a backup, move the folder away, start again and restore the backup.`,
  )
}
