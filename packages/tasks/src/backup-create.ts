import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { TrunklineError } from '@trunkline/contract'
import { defineTask, FatalError, type JobLogger, type Task } from '@trunkline/engine'
import { z } from 'zod'
import { checkSqlDump, hashFile, writeManifest } from './backup-files.ts'
import { type ConnectionParts, connectionParts, withClient } from './connection.ts'
import { type DumpTool, findDumpTools, findRestoreTools } from './dump-tools.ts'
import type { TaskEnvironment } from './environment.ts'
import { runProgram } from './run-program.ts'

/** Above this size the built-in dump would need gigabytes of memory. */
const builtInMost = 150 * 1024 * 1024

const input = z.strictObject({
  database: z.string().min(1).max(63).optional().describe('Database of the server; default: the one of the queue'),
  label: z.string().max(200).optional().describe('A note kept with the backup'),
})

interface Facts {
  version: string
  major: number
  bytes: number
}

interface Dump {
  parts: ConnectionParts
  facts: Facts
  path: string
  log: JobLogger
  signal: AbortSignal
}

/** A way to make a dump. */
interface Rung {
  format: 'custom' | 'sql.gz'
  tool: string
  run(dump: Dump): Promise<void>
}

/**
 * `backup_create`: a backup of one database into the storage, by the first way that serves: a `pg_dump` of at least the
 * server's version, else the built-in dump for databases up to 150 MB, else an error that names the package to install.
 */
export function backupCreate(environment: TaskEnvironment): Task {
  return defineTask('backup_create', {
    description: 'Back up a database',
    queue: 'backup',
    input,
    retry: { attempts: 3, backoff: { curve: 'exponential', delay: '10s' } },
    async run({ input, log, signal }) {
      const begun = Date.now()
      const parts = connectionParts(environment.connectionString, input.database)
      step(log, 10, 'configuration loaded')
      const facts = await readFacts(environment, parts.database, signal)
      const rung = chooseRung(environment, parts, facts)
      step(log, 20, 'validated')
      log.info(`database ${parts.database} of PostgreSQL ${facts.version}, ${Math.round(facts.bytes / 1e6)} MB, by ${rung.tool}`)
      const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
      const filename = `${parts.database.replace(/[^A-Za-z0-9_-]/g, '_').replace(/^[^A-Za-z0-9]/, 'x')}-${stamp}-${randomBytes(3).toString('hex')}.${rung.format === 'custom' ? 'dump' : 'sql.gz'}`
      const file = await environment.storage.begin(filename)
      try {
        step(log, 30, 'directory ready')
        step(log, 40, 'dump started')
        await rung.run({ parts, facts, path: file.path, log, signal })
        signal.throwIfAborted()
        step(log, 80, 'file created')
        const { size } = await stat(file.path)
        const sha256 = await hashFile(file.path)
        const createdAt = new Date().toISOString()
        // the manifest first: a backup that is listed always has one
        await writeManifest(environment.storage, filename, {
          database: parts.database,
          server: facts.version,
          tool: rung.tool,
          format: rung.format,
          createdAt,
          size,
          sha256,
          label: input.label ?? null,
        })
        await file.commit()
        step(log, 100, 'done')
        return { filename, size, duration: Date.now() - begun, sha256, format: rung.format, server: facts.version }
      } catch (error) {
        await environment.storage.delete(`${filename}.json`).catch(() => false)
        throw error
      } finally {
        await file.discard()
      }
    },
  })
}

function step(log: JobLogger, percent: number, name: string): void {
  log.setStage(name)
  log.setProgress(percent, 100)
}

async function readFacts({ connectionString }: TaskEnvironment, database: string, signal: AbortSignal): Promise<Facts> {
  return await withClient({ connectionString, name: 'backup', signal }, async (client) => {
    const { rows } = await client.query(
      `select current_setting('server_version') version, current_setting('server_version_num')::int / 10000 major, pg_database_size(datname)::float8 bytes
       from pg_database where datname = $1`,
      [database],
    )
    if (rows.length === 0) throw new FatalError(`there is no database "${database}" on this server`)
    return rows[0]
  })
}

function chooseRung(environment: TaskEnvironment, parts: ConnectionParts, facts: Facts): Rung {
  const tools = findDumpTools(environment.pgDump ? { pgDump: environment.pgDump } : {})
  const fit = tools.find((tool) => tool.major >= facts.major)
  if (fit) return { format: 'custom', tool: `pg_dump ${fit.version}`, run: (dump) => nativeDump(environment, fit, dump) }
  const found = tools[0] ? `the newest pg_dump here is ${tools[0].version}` : 'there is no pg_dump here'
  const advice = `Install the package postgresql-client-${facts.major}, or set the path of another pg_dump (backup.pgDump).`
  const encrypted = parts.sslmode !== null && !['disable', 'allow', 'prefer'].includes(parts.sslmode)
  const why =
    facts.bytes > builtInMost
      ? 'the database is larger than the 150 MB of the built-in dump'
      : encrypted
        ? 'the built-in dump does not speak TLS'
        : facts.major > 18
          ? 'the built-in dump knows PostgreSQL up to 18'
          : null
  if (why)
    throw new TrunklineError('dump_unavailable', { problem: `the server is PostgreSQL ${facts.version}, ${found}, and ${why}`, advice })
  return { format: 'sql.gz', tool: 'built-in dump', run: builtInDump }
}

/** Moves the progress from 40 towards 80 while the dump grows; at most twice a second. */
function growth(dump: Dump, expected: number): (bytes: number) => void {
  let saidAt = 0
  return (bytes) => {
    if (Date.now() - saidAt < 500) return
    saidAt = Date.now()
    dump.log.setProgress(40 + Math.min(39, Math.floor((40 * bytes) / Math.max(1, expected))), 100)
  }
}

async function nativeDump(environment: TaskEnvironment, tool: DumpTool, dump: Dump): Promise<void> {
  const { parts, facts, path, log, signal } = dump
  // compressed to about a third, as a guess for the progress only
  const grow = growth(dump, facts.bytes / 3)
  const watch = setInterval(
    () =>
      void stat(path)
        .then((s) => grow(s.size))
        .catch(() => {}),
    500,
  )
  const env: Record<string, string> = {
    PGHOST: parts.host,
    PGPORT: String(parts.port),
    PGUSER: parts.user,
    PGDATABASE: parts.database,
    PGAPPNAME: 'trunkline backup',
  }
  // in the environment of that one process: a command line can be read by every user of the machine
  if (parts.password) env.PGPASSWORD = parts.password
  if (parts.sslmode) env.PGSSLMODE = parts.sslmode
  try {
    const end = await runProgram({ command: tool.path, args: ['--format=custom', '--no-password', `--file=${path}`], env, signal })
    if (end.code !== 0)
      throw new TrunklineError('backup_failed', { problem: `pg_dump ended with ${end.signal ?? end.code}: ${end.stderr}` })
    if (end.stderr) log.warn(end.stderr)
  } finally {
    clearInterval(watch)
  }
  const lister = findRestoreTools(environment.pgRestore ? { pgRestore: environment.pgRestore } : {}).find((t) => t.major >= tool.major)
  if (!lister) return
  const listed = await runProgram({ command: lister.path, args: ['--list', path], env: {}, signal })
  if (listed.code !== 0) throw new TrunklineError('backup_failed', { problem: `the finished file cannot be read: ${listed.stderr}` })
}

async function builtInDump(dump: Dump): Promise<void> {
  const { parts, facts, path, signal } = dump
  const grow = growth(dump, facts.bytes)
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./wasm-dump.js', import.meta.url)), [], {
      execArgv: ['--max-old-space-size=4096'],
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    })
    const onAbort = () => child.kill('SIGKILL')
    signal.addEventListener('abort', onAbort, { once: true })
    let problem = 'its process ended early'
    let done = false
    child.on('message', (message: { type: string; bytes?: number; message?: string }) => {
      if (message.type === 'hello')
        child.send({ host: parts.host, port: parts.port, user: parts.user, password: parts.password, database: parts.database, file: path })
      else if (message.type === 'bytes') grow(message.bytes ?? 0)
      else if (message.type === 'done') done = true
      else problem = message.message ?? problem
    })
    child.once('error', (error) => {
      problem = error.message
    })
    child.once('exit', () => {
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) reject(signal.reason)
      else if (done) resolve()
      else reject(new TrunklineError('backup_failed', { problem: `built-in dump: ${problem}` }))
    })
  })
  await checkSqlDump(path).catch((error: Error) => {
    throw new TrunklineError('backup_failed', { problem: `the finished file is not whole: ${error.message}` })
  })
}
