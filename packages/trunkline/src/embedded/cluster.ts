import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TrunklineError } from '@trunkline/contract'
import { type Binaries, sharedCache } from './binaries.ts'
import { asRunner, giveTo, type Runner, reachableFor } from './runner.ts'

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
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unavailable(
      `the data directory ${dataDir} cannot be made (${(error as Error).message})`,
      'Choose another one with TRUNKLINE_DATA_DIR.',
    )
  }
  const places = knownPlaces(dataDir)
  if (!runner.dropped || existsSync(places.cluster)) return places
  // the server is another user than we: it must be able to pass through our folder, and sees nothing else in it
  if (reachableFor(dataDir, runner)) {
    chmodSync(dataDir, 0o711)
    return places
  }
  // below a closed home (0700) it cannot come: the cluster lives in a place that it can reach, and the data directory says where
  const elsewhere = join(sharedCache(), `cluster-${randomBytes(8).toString('hex')}`)
  mkdirSync(dirname(elsewhere), { recursive: true, mode: 0o755 })
  writeFileSync(join(dataDir, 'postgres.location'), elsewhere, { mode: 0o600 })
  return knownPlaces(dataDir)
}

/** The places as they are known by now. */
export function knownPlaces(dataDir: string): Places {
  const pointer = join(dataDir, 'postgres.location')
  const cluster = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(dataDir, 'postgres')
  return {
    cluster,
    log: join(dataDir, 'postgres.log'),
    password: join(dataDir, 'postgres.password'),
    port: join(dataDir, 'postgres.port'),
    lock: join(dataDir, 'start.lock'),
  }
}

/** @returns an `embedded_unavailable` error */
export function unavailable(problem: string, advice: string): TrunklineError {
  return new TrunklineError('embedded_unavailable', { problem, advice })
}

/** The password of the role `trunkline`: 32 random bytes, in a file only we may read. */
export function readPassword(places: Places): string | null {
  return existsSync(places.password) ? readFileSync(places.password, 'utf8').trim() : null
}

/** Makes the cluster if there is none: beside its place, then renamed, so that a half-made one is never mistaken for one. */
export async function ensureCluster(places: Places, binaries: Binaries, runner: Runner): Promise<void> {
  const { cluster } = places
  const folder = dirname(cluster)
  const base = cluster.slice(folder.length + 1)
  for (const left of readdirSync(folder)) {
    if (left.startsWith(`${base}.init-`)) rmSync(join(folder, left), { recursive: true, force: true })
  }
  if (existsSync(join(cluster, 'PG_VERSION'))) return await checkVersion(cluster, binaries)
  const password = randomBytes(32).toString('base64url')
  const fresh = `${cluster}.init-${randomBytes(4).toString('hex')}`
  const pwfile = `${fresh}.password`
  try {
    mkdirSync(fresh, { mode: 0o700 })
    giveTo(fresh, runner)
    writeFileSync(pwfile, password, { mode: 0o600 })
    giveTo(pwfile, runner)
    const args = [
      '-D',
      fresh,
      '-U',
      'trunkline',
      `--pwfile=${pwfile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--data-checksums',
      '--no-instructions',
    ]
    await run(join(binaries.bin, 'initdb'), args, {
      ...asRunner(runner),
      cwd: '/',
      timeout: 60_000,
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    })
    rmSync(cluster, { recursive: true, force: true })
    writeFileSync(places.password, password, { mode: 0o600 })
    renameSync(fresh, cluster)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    const { stderr, message } = error as { stderr?: string; message: string }
    throw unavailable(
      `initdb failed: ${(stderr || message).trim().slice(-1000)}`,
      'Check that there is room and that the folder is writable: trunkline doctor.',
    )
  } finally {
    rmSync(pwfile, { force: true })
  }
}

async function checkVersion(cluster: string, binaries: Binaries): Promise<void> {
  const has = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  const { stdout } = await run(join(binaries.bin, 'postgres'), ['--version'], { cwd: '/' })
  const is = /(\d+)/.exec(stdout)?.[1]
  if (has === is) return
  throw unavailable(
    `the data in ${cluster} is of PostgreSQL ${has}, the binaries are ${is}`,
    `Start once more with PostgreSQL ${has} and make a backup, move the folder away, start again and restore the backup.`,
  )
}
