import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { TrunklineError } from '@trunkline/contract'
import { defineTask, FatalError, type Task } from '@trunkline/engine'
import pg from 'pg'
import { z } from 'zod'
import { verifyBackup } from './backup-files.ts'
import { connectionParts, withClient } from './connection.ts'
import { findRestoreTools } from './dump-tools.ts'
import type { TaskEnvironment } from './environment.ts'
import { runProgram } from './run-program.ts'

const input = z.strictObject({
  filename: z.string().min(1).max(250).describe('Name of the backup'),
  database: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/, 'a database name of 1 to 63 of A-Z a-z 0-9 _ -')
    .describe('Database to make'),
  replace: z.boolean().default(false).describe('Replace it when it exists'),
})

/**
 * `backup_restore`: a backup into a database of its own. It is built under another name and renamed at the end, so an
 * interrupted restore leaves everything as it was; with `replace` the old database goes only after the swap.
 */
export function backupRestore(environment: TaskEnvironment): Task {
  return defineTask('backup_restore', {
    description: 'Restore a backup into a database',
    queue: 'backup',
    input,
    retry: { attempts: 1 },
    async run({ input: { filename, database, replace }, log, signal }) {
      const begun = Date.now()
      const { connectionString, storage } = environment
      log.setStage('checking the backup')
      const { compared } = await verifyBackup(storage, filename)
      if (!compared) log.warn('it has no manifest; its checksum could not be compared')
      const maintenance = (work: (client: pg.Client) => Promise<void>) => withClient({ connectionString, name: 'restore', signal }, work)
      const building = `restore_${randomBytes(6).toString('hex')}`
      await maintenance(async (client) => {
        const { rows } = await client.query('select from pg_database where datname = $1', [database])
        if (rows.length > 0 && !replace) throw new FatalError(`database "${database}" exists; restore into another, or allow to replace it`)
        await client.query(`create database ${pg.escapeIdentifier(building)} template template0`)
      })
      let finished = false
      try {
        log.setStage('restoring')
        const path = await storage.localPath(filename)
        await (filename.endsWith('.dump')
          ? restoreArchive(environment, path, building, signal)
          : restoreSql(environment, path, building, signal))
        const tables = await withClient({ connectionString, name: 'restore', database: building, signal }, async (client) => {
          const { rows } = await client.query(
            `select count(*)::int n from pg_class c join pg_namespace s on s.oid = c.relnamespace where c.relkind in ('r', 'p') and s.nspname !~ '^(pg_|information_schema)'`,
          )
          return rows[0].n as number
        })
        log.setStage('swapping')
        await maintenance((client) => swap(client, building, database))
        finished = true
        return { database, tables, duration: Date.now() - begun }
      } finally {
        // whatever stopped us, and although our signal may have aborted: nothing half-made stays
        if (!finished) await dropDatabase(connectionString, building)
      }
    },
  })
}

async function swap(client: pg.Client, building: string, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database)
  const { rows } = await client.query('select from pg_database where datname = $1', [database])
  if (rows.length === 0) return void (await client.query(`alter database ${pg.escapeIdentifier(building)} rename to ${name}`))
  const old = pg.escapeIdentifier(`${database.slice(0, 40)}_replaced_${randomBytes(4).toString('hex')}`)
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()', [database])
  await client.query(`alter database ${name} rename to ${old}`)
  try {
    await client.query(`alter database ${pg.escapeIdentifier(building)} rename to ${name}`)
  } catch (error) {
    await client.query(`alter database ${old} rename to ${name}`)
    throw error
  }
  await client.query(`drop database ${old} with (force)`)
}

async function dropDatabase(connectionString: string, name: string): Promise<void> {
  const signal = AbortSignal.timeout(30_000)
  await withClient({ connectionString, name: 'restore', signal }, async (client) => {
    await client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`)
  }).catch(() => {})
}

async function restoreArchive(environment: TaskEnvironment, path: string, database: string, signal: AbortSignal): Promise<void> {
  const parts = connectionParts(environment.connectionString, database)
  const tools = findRestoreTools(environment.pgRestore ? { pgRestore: environment.pgRestore } : {})
  const failed = (problem: string, advice: string) => new TrunklineError('restore_failed', { problem, advice })
  const [tool] = tools
  if (!tool) throw failed('there is no pg_restore here', 'Install the package postgresql-client, or set its path (backup.pgRestore).')
  const env: Record<string, string> = { PGHOST: parts.host, PGPORT: String(parts.port), PGUSER: parts.user, PGAPPNAME: 'trunkline restore' }
  if (parts.password) env.PGPASSWORD = parts.password
  if (parts.sslmode) env.PGSSLMODE = parts.sslmode
  const end = await runProgram({
    command: tool.path,
    args: ['--exit-on-error', '--no-password', '--no-owner', `--dbname=${database}`, path],
    env,
    signal,
  })
  if (end.code === 0) return
  const old = /unsupported version/.test(end.stderr)
  throw failed(
    `pg_restore ${tool.version} ended with ${end.signal ?? end.code}: ${end.stderr}`,
    old ? 'The backup was made by a newer pg_dump: install a pg_restore at least as new.' : 'The target was left as it was.',
  )
}

/** Plain SQL as one query: the built-in dump is bounded, and the server parses the statements better than we could. */
async function restoreSql(environment: TaskEnvironment, path: string, database: string, signal: AbortSignal): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of createReadStream(path).pipe(createGunzip())) chunks.push(chunk)
  const sql = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\\(un)?restrict .*$/gm, '')
    // the built-in dump writes the preamble of PostgreSQL 18; servers before 17 do not know this setting
    .replace(/^SET transaction_timeout = 0;\n/m, '')
  await withClient({ connectionString: environment.connectionString, name: 'restore', database, signal }, async (client) => {
    try {
      await client.query(sql)
    } catch (error) {
      throw new TrunklineError(
        'restore_failed',
        { problem: (error as Error).message, advice: 'The target was left as it was.' },
        { cause: error },
      )
    }
  })
}
