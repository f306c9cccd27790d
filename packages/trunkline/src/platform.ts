import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { TrunklineError } from '@trunkline/contract'
import { fileSystemStorage, type Storage, type Task, Trunkline } from '@trunkline/engine'
import { builtInTasks } from '@trunkline/tasks'
import { findEmbedded } from './embedded.ts'
import type { Settings } from './settings.ts'

/** The version of this package. */
export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version

/** Version and, in a checkout, commit: what a worker reports. */
export function codeVersion(): string {
  try {
    const sha = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: new URL('.', import.meta.url),
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2000,
    })
    return `${version}+${sha.toString().trim()}`
  } catch {
    return version
  }
}

/**
 * The database that these settings mean: `DATABASE_URL`, or the embedded server that runs for the data directory.
 * @throws `database_unavailable` when neither is there
 */
export async function databaseUrl(settings: Settings): Promise<string> {
  if (settings.databaseUrl) return settings.databaseUrl
  const found = await findEmbedded({ dataDir: settings.dataDir })
  if (found) return found.connectionString()
  throw new TrunklineError('database_unavailable', {
    problem: `no embedded server runs for ${settings.dataDir}; start it with "trunkline up" (npm start), or set DATABASE_URL`,
  })
}

/** Where backups are kept. */
export function backupStorage(settings: Settings): Storage {
  return fileSystemStorage(settings.backupDir)
}

/** The tasks that come with Trunkline, for the database of these settings. */
export function tasksFor(settings: Settings, connectionString: string): Task[] {
  const { pgDump, pgRestore } = settings.backup
  return builtInTasks({
    connectionString,
    storage: backupStorage(settings),
    schema: settings.schema,
    shell: settings.shell,
    http: settings.http,
    ...(pgDump ? { pgDump } : {}),
    ...(pgRestore ? { pgRestore } : {}),
  })
}

/** Connects with these settings. */
export async function connect(
  settings: Settings,
  options: { migrate?: boolean; onError?: (error: Error) => void } = {},
): Promise<Trunkline> {
  const connectionString = await databaseUrl(settings)
  return await Trunkline.connect({
    connectionString,
    schema: settings.schema,
    allowUnsafe: settings.allowUnsafe,
    applicationName: 'trunkline',
    ...options,
  })
}
