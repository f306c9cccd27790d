import { chownSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** As whom PostgreSQL runs: it refuses to run as root. */
export interface Runner {
  readonly uid: number
  readonly gid: number
  /** Are we root, so that rights have to be handed over? */
  readonly dropped: boolean
}

const nobody = 65534

/** The user `postgres` where there is one, else nobody, when we are root; ourselves otherwise. */
export function findRunner(): Runner {
  const uid = process.getuid?.() ?? -1
  const gid = process.getgid?.() ?? -1
  if (uid !== 0) return { uid, gid, dropped: false }
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((l) => l.startsWith('postgres:'))
    const [, , user, group] = line?.split(':') ?? []
    if (user && group) return { uid: Number(user), gid: Number(group), dropped: true }
  } catch {
    // no list of users: nobody exists everywhere
  }
  return { uid: nobody, gid: nobody, dropped: true }
}

/** Can `runner` get to `path` through all folders above it? */
export function reachableFor(path: string, runner: Runner): boolean {
  if (!runner.dropped) return true
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at)
    const passable = uid === runner.uid ? mode & 0o100 : gid === runner.gid ? mode & 0o010 : mode & 0o001
    if (!passable) return false
    if (at === dirname(at)) return true
  }
}

/** Gives `path` to `runner`. */
export function giveTo(path: string, runner: Runner): void {
  if (runner.dropped) chownSync(path, runner.uid, runner.gid)
}

/** What `spawn` needs to run as `runner`. */
export function asRunner(runner: Runner): { uid?: number; gid?: number } {
  return runner.dropped ? { uid: runner.uid, gid: runner.gid } : {}
}
