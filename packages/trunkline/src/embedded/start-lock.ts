import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { identityOf, waitFor } from './postmaster.ts'

/**
 * Runs `work` while no other process of this machine does so for the same file. A lock whose process is gone is taken over.
 * @returns null when the lock was not to be had within `ms`
 */
export async function withStartLock<T>(file: string, ms: number, work: () => Promise<T>): Promise<T | null> {
  const me = `${identityOf(process.pid)}\n${++turns}`
  if (!(await waitFor(() => tryLock(file, me), ms))) return null
  try {
    return await work()
  } finally {
    if (read(file) === me) rmSync(file, { force: true })
  }
}

/**
 * Takes a lock for as long as this process likes. One whose process is gone is taken over, also when its number belongs to
 * another process by now: after a restart of a container numbers repeat.
 * @returns the way to let go, or the number of the process that has it
 */
export function takeLock(file: string): { release(): void } | { owner: number } {
  const me = `${identityOf(process.pid)}\n${++turns}`
  // the first try only takes away what a dead process left
  for (let turn = 0; turn < 3; turn++) {
    if (!tryLock(file, me)) continue
    return {
      release() {
        if (read(file) === me) rmSync(file, { force: true })
      },
    }
  }
  return { owner: Number.parseInt(read(file) ?? '0', 10) }
}

/** Two starts in one process exclude each other as well. */
let turns = 0

function tryLock(file: string, me: string): boolean {
  const owner = read(file)
  if (owner === null) return putInPlace(file, me)
  if (!livesOn(owner)) takeAway(file, owner)
  return false
}

/** A link appears with its words in it, or not at all: there is no half-written lock. */
function putInPlace(file: string, words: string): boolean {
  const own = `${file}.${words.replace(/\s/g, '-')}`
  try {
    writeFileSync(own, words, { mode: 0o600 })
    linkSync(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(own, { force: true })
  }
}

function livesOn(owner: string): boolean {
  const [identity = ''] = owner.split('\n')
  const pid = Number.parseInt(identity, 10)
  return pid > 0 && identityOf(pid) === identity
}

/** Moved first, then looked at: another process may have taken the lock between our look and our move, and gets it back. */
function takeAway(file: string, owner: string): void {
  const moved = `${file}.stale-${process.pid}`
  try {
    renameSync(file, moved)
  } catch {
    return
  }
  const words = read(moved)
  rmSync(moved, { force: true })
  if (words !== null && words !== owner) putInPlace(file, words)
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
