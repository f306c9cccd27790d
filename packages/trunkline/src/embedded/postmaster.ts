import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What `postmaster.pid` says. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

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

/** Is there a process of this number that is more than a zombie? In a container nobody may ever reap a killed postmaster. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    return !existsSync('/proc/self/stat')
  }
}

/** Is process `pid` the server of `cluster`? Its number may long belong to something else. */
export function servesCluster(pid: number, cluster: string): boolean {
  if (!isAlive(pid)) return false
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.some((w) => w.endsWith('postgres') || w.includes('postgres.exe')) && words.includes(cluster)
  } catch {
    return !existsSync('/proc/self/stat')
  }
}

/** Takes away the `postmaster.pid` of a server that is gone. */
export function removeStale(cluster: string): void {
  rmSync(join(cluster, 'postmaster.pid'), { force: true })
}

/** Waits until `look` answers something; null when `ms` are over. */
export async function waitFor<T>(
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  ms: number,
): Promise<T | null> {
  const end = Date.now() + ms
  for (let pause = 5; ; pause = Math.min(100, pause * 1.3)) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) return null
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
