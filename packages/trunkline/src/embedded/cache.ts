import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isAlive } from './postmaster.ts'

/**
 * A folder for copies of binaries and, for root, clusters whose data directory the server's user cannot reach:
 * `TRUNKLINE_CACHE_DIR`, else `/var/lib/trunkline` for root (open for all to pass; a cache may be wiped, and clusters are no cache), else `trunkline` in the user's cache.
 */
export function cacheFolder(): string {
  const folder = process.env.TRUNKLINE_CACHE_DIR ? resolve(process.env.TRUNKLINE_CACHE_DIR) : usualFolder()
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true })
    // a strict umask would close it for the user that runs the server
    if (process.getuid?.() === 0) chmodSync(folder, 0o755)
  }
  return folder
}

function usualFolder(): string {
  if (process.platform === 'win32') return join(homedir(), 'AppData', 'Local', 'trunkline')
  return process.getuid?.() === 0 ? '/var/lib/trunkline' : join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'trunkline')
}

/** Copies a package's `native/` to the cache, once for each version. @returns the copy */
export function copyToCache(native: string): string {
  const folder = cacheFolder()
  const name = `postgres-${versionOf(native)}-${process.platform}-${process.arch}`
  const copy = join(folder, name)
  if (existsSync(copy)) return copy
  removeParts(folder, name)
  const part = `${copy}.part-${process.pid}`
  // links are made anew: the ones that are there may point back into the folder that nobody can enter
  cpSync(native, part, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() })
  openUp(part)
  try {
    renameSync(part, copy)
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    // another start was faster
    if (!existsSync(copy)) throw error
  }
  return copy
}

function versionOf(native: string): string {
  const { size } = statSync(join(native, 'bin', process.platform === 'win32' ? 'postgres.exe' : 'postgres'))
  const manifest = join(dirname(native), 'package.json')
  return existsSync(manifest) ? `${JSON.parse(readFileSync(manifest, 'utf8')).version}-${size}` : String(size)
}

/** Copies whose maker was killed. */
function removeParts(folder: string, name: string): void {
  for (const left of readdirSync(folder)) {
    const maker = left.startsWith(`${name}.part-`) ? Number(left.slice(left.lastIndexOf('-') + 1)) : 0
    if (maker > 0 && (maker === process.pid || !isAlive(maker))) rmSync(join(folder, left), { recursive: true, force: true })
  }
}

/** Readable for all: with a strict umask npm unpacks files that only their owner can read. */
function openUp(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openUp(path)
    else chmodSync(path, (statSync(path).mode & 0o777) | (statSync(path).mode & 0o100 ? 0o755 : 0o644))
  }
}
