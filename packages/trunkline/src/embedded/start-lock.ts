import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { isAlive, waitFor } from './postmaster.ts'

/**
 * Runs `work` while no other process of this machine does so for the same file. A lock whose process is gone is taken over.
 * @returns null when the lock was not to be had within `ms`
 */
export async function withStartLock<T>(file: string, ms: number, work: () => Promise<T>): Promise<T | null> {
  const held = await waitFor(() => tryLock(file), ms)
  if (!held) return null
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function tryLock(file: string): boolean {
  try {
    const handle = openSync(file, 'wx', 0o600)
    writeSync(handle, String(process.pid))
    closeSync(handle)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const owner = Number(readOwner(file))
  // an empty file is one that is being written, or was left so; two looks tell them apart
  if (owner > 0 ? !isAlive(owner) : emptySince(file)) rmSync(file, { force: true })
  return false
}

const emptySeen = new Map<string, number>()

function emptySince(file: string): boolean {
  const first = emptySeen.get(file) ?? Date.now()
  emptySeen.set(file, first)
  return Date.now() - first > 2000
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
