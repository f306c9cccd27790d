import { chownSync, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** As whom PostgreSQL runs: it refuses to run as root. */
export interface Runner {
  readonly uid: number
  readonly gid: number
  /** Are we root, so that rights have to be handed over? */
  readonly dropped: boolean
}

const nobody = 65534

/**
 * Ourselves, unless we are root: then the owner of the cluster that is there (PostgreSQL refuses any other), else the user
 * `postgres` where there is one, else nobody.
 */
export function findRunner(cluster: string): Runner {
  const uid = process.getuid?.() ?? -1
  const gid = process.getgid?.() ?? -1
  if (uid !== 0) return { uid, gid, dropped: false }
  if (existsSync(cluster)) {
    const owner = statSync(cluster)
    if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, dropped: true }
  }
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((l) => l.startsWith('postgres:'))
    const [, , user, group] = line?.split(':') ?? []
    if (Number(user) > 0 && group) return { uid: Number(user), gid: Number(group), dropped: true }
  } catch {
    // no list of users: nobody exists everywhere
  }
  return { uid: nobody, gid: nobody, dropped: true }
}

/** Can `runner` get to `path` through all folders above it? */
export function reachableFor(path: string, runner: Runner): boolean {
  if (!runner.dropped) return true
  // a link in the way leads through other folders than its name says
  for (let at = realpathSync(dirname(resolve(path))); ; at = dirname(at)) {
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

/** What `spawn` needs to run a server program as `runner`, from anywhere, with none of our secrets in its environment. */
export function asRunner(runner: Runner): { uid?: number; gid?: number; cwd: string; env: NodeJS.ProcessEnv } {
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
  return { ...(runner.dropped ? { uid: runner.uid, gid: runner.gid } : {}), cwd: '/', env }
}
