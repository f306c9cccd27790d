import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TrunklineError } from '@trunkline/contract'
import { fileSystemStorage, type KeeperOptions, type RetentionOptions, type Storage, type Task, Trunkline } from '@trunkline/engine'
import type { DatabaseOptions } from '@trunkline/engine/postgres'
import { builtInTasks, type TaskEnvironment } from '@trunkline/tasks'
import { findEmbedded } from './embedded.ts'
import type { Settings } from './settings.ts'

/** The version of this package. */
export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version

/** Where the build has put the console; undefined where it was not built. */
export function consoleDir(): string | undefined {
  // the same from source and from the build
  const folder = fileURLToPath(new URL('../dist/console/', import.meta.url))
  return existsSync(`${folder}index.html`) ? folder : undefined
}

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
 * The URL of the database that these settings mean: `DATABASE_URL`, or the embedded server that runs for the data directory.
 * @throws `database_unavailable` when neither is there
 */
async function databaseUrl(settings: Settings): Promise<string> {
  if (settings.databaseUrl) return settings.databaseUrl
  const found = await findEmbedded({ dataDir: settings.dataDir })
  if (found) return found.connectionString()
  throw new TrunklineError('database_unavailable', {
    problem: `no embedded server runs for ${settings.dataDir}; start it with "trunkline up" (npm start), or set DATABASE_URL`,
  })
}

/**
 * How to reach the database of these settings, past a pooler where there is a way.
 * @throws `database_unavailable` when neither `DATABASE_URL` nor an embedded server is there
 */
export async function databaseOptions(settings: Settings): Promise<DatabaseOptions> {
  const { schema, pooler, databaseDirectUrl } = settings
  const connectionString = await databaseUrl(settings)
  return { connectionString, schema, pooler, ...(databaseDirectUrl ? { directConnectionString: databaseDirectUrl } : {}) }
}

/**
 * Where the schema `pgagent` of these settings is: `TRUNKLINE_PGAGENT_URL`, else what the file says (user and password come from
 * `PGUSER`, `PGPASSWORD` and `~/.pgpass`, as libpq reads them), else Trunkline's own database.
 */
export async function pgAgentDatabase(settings: Settings, env: NodeJS.ProcessEnv = process.env): Promise<DatabaseOptions> {
  if (env.TRUNKLINE_PGAGENT_URL) return { connectionString: env.TRUNKLINE_PGAGENT_URL, applicationName: 'trunkline pgagent' }
  const { db_host, db_port, db_name } = settings.pgagent
  if (!db_host) return { ...(await databaseOptions(settings)), applicationName: 'trunkline pgagent' }
  const url = new URL(`postgres://${db_host.includes(':') ? `[${db_host}]` : db_host}:${db_port}/`)
  url.pathname = `/${encodeURIComponent(db_name)}`
  if (env.PGUSER) url.username = encodeURIComponent(env.PGUSER)
  return { connectionString: url.href, applicationName: 'trunkline pgagent' }
}

/** Is the schema `pgagent` of these settings in Trunkline's own database? */
export function isOwnPgAgent({ pgagent }: Settings, env: NodeJS.ProcessEnv = process.env): boolean {
  return !env.TRUNKLINE_PGAGENT_URL && !pgagent.db_host
}

/** Where backups are kept. */
export function backupStorage(settings: Settings): Storage {
  return fileSystemStorage(settings.backupDir)
}

/** What these settings ask of a keeper. */
export function keeperOptions({ keeper, retention }: Settings): KeeperOptions {
  const { stale, sweep, crashLimit } = keeper
  return { staleMs: stale, sweepMs: sweep, crashLimit, retention: retention as RetentionOptions }
}

/** What built-in tasks may use, with these settings. They need sessions, so they go past a pooler. */
export async function taskEnvironment(settings: Settings): Promise<TaskEnvironment> {
  const connectionString = settings.databaseDirectUrl ?? (await databaseUrl(settings))
  const { pgDump, pgRestore } = settings.backup
  return {
    connectionString,
    storage: backupStorage(settings),
    schema: settings.schema,
    shell: settings.shell,
    http: settings.http,
    ...(pgDump ? { pgDump } : {}),
    ...(pgRestore ? { pgRestore } : {}),
  }
}

/** The tasks that come with Trunkline, for the database of these settings. */
export async function tasksFor(settings: Settings): Promise<Task[]> {
  return builtInTasks(await taskEnvironment(settings))
}

/** Connects with these settings. */
export async function connect(
  settings: Settings,
  options: { migrate?: boolean; onError?: (error: Error) => void } = {},
): Promise<Trunkline> {
  return await Trunkline.connect({
    ...(await databaseOptions(settings)),
    allowUnsafe: settings.allowUnsafe,
    applicationName: 'trunkline',
    ...options,
  })
}
