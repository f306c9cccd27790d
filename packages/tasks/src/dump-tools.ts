import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program of PostgreSQL on this machine. */
export interface DumpTool {
  readonly path: string
  /** Such as `15.18`. */
  readonly version: string
  readonly major: number
}

const debian = '/usr/lib/postgresql'

function folders(): string[] {
  const installed = existsSync(debian) ? readdirSync(debian).map((v) => join(debian, v, 'bin')) : []
  return [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...installed]
}

function examine(path: string): DumpTool | null {
  try {
    accessSync(path, constants.X_OK)
    const text = execFileSync(path, ['--version'], { timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] }).toString()
    const version = /(\d+(\.\d+)?)/.exec(text)?.[1]
    return version ? { path, version, major: Number.parseInt(version, 10) } : null
  } catch {
    return null
  }
}

function find(name: string, given: string | undefined): DumpTool[] {
  const paths = given ? [given] : [...new Set(folders().map((f) => join(f, name)))]
  const tools = paths.map(examine).filter((tool) => tool !== null)
  return tools.sort((a, b) => b.major - a.major)
}

/** The `pg_dump` programs of this machine, newest first; only the given one when a path is given. */
export function findDumpTools({ pgDump }: { pgDump?: string } = {}): DumpTool[] {
  return find('pg_dump', pgDump)
}

/** The `pg_restore` programs of this machine, newest first. */
export function findRestoreTools({ pgRestore }: { pgRestore?: string } = {}): DumpTool[] {
  return find('pg_restore', pgRestore)
}
