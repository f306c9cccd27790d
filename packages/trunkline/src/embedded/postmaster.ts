import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What `postmaster.pid` says. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

const hasProc = existsSync('/proc/self/stat')

/** Reads `postmaster.pid`, or null when there is none that makes sense. */
export function readPostmaster(cluster: string): Postmaster | null {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    const port = Number(lines[3])
    return pid > 0 && port > 0 ? { pid, port, ready: lines[7]?.trim() === 'ready' } : null
  } catch {
    return null
  }
}

/** Fields of /proc/<pid>/stat from the state on; the name before them may hold spaces and brackets. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** Is there a process of this number that is more than a zombie? In a container nobody may ever reap a killed postmaster. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  if (!hasProc) return true
  const state = statOf(pid)?.[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/**
 * Number and start time of a process: in a container that starts again the numbers are the same ones.
 * @returns null when no such process lives
 */
export function identityOf(pid: number): string | null {
  if (!isAlive(pid)) return null
  return `${pid} ${(hasProc && statOf(pid)?.[19]) || ''}`.trim()
}

/** Is `pid` a PostgreSQL that works in this folder? It always does so with the cluster as its current folder. */
function worksIn(pid: number, real: string): boolean {
  try {
    // the program may have been replaced on disk by an update while it runs
    const program = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')
    return program.endsWith('/postgres') && readlinkSync(`/proc/${pid}/cwd`) === real
  } catch {
    return false
  }
}

/** Is process `pid` the server of `cluster`? Its number may long belong to something else. */
export function servesCluster(pid: number, cluster: string): boolean {
  if (!isAlive(pid)) return false
  try {
    // by the folder and not by the words of its command line: the same folder may be named through a link
    if (hasProc) return worksIn(pid, realpathSync(cluster))
    if (process.platform === 'win32') return true
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes('postgres')
  } catch {
    return false
  }
}

/** Every living process of the server of `cluster`; an empty list where the system does not tell. */
export function processesOf(cluster: string): number[] {
  if (!hasProc || !existsSync(cluster)) return []
  const real = realpathSync(cluster)
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && worksIn(pid, real) && isAlive(pid))
}

/**
 * Takes away the `postmaster.pid` of a server all of whose processes are gone. Where the system does not tell that,
 * the file stays: PostgreSQL then judges by its shared memory.
 */
export function removeStale(cluster: string): void {
  if (hasProc && processesOf(cluster).length === 0) rmSync(join(cluster, 'postmaster.pid'), { force: true })
}

/** Sends a signal; a process that is gone by now is fine. */
export function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Waits until `look` answers something; null when `ms` are over. */
export async function waitFor<T>(
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  ms: number,
): Promise<T | null> {
  const end = performance.now() + ms
  for (let pause = 5; ; pause = Math.min(100, pause * 1.3)) {
    const found = await look()
    if (found) return found
    if (performance.now() > end) return null
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
