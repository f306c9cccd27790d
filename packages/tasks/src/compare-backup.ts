import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { TrunklineError } from '@trunkline/contract'
import { primaryUrl } from '@trunkline/engine'
import { readManifest } from './backup-files.ts'
import { withClient } from './connection.ts'
import { findRestoreTools } from './dump-tools.ts'
import type { TaskEnvironment } from './environment.ts'
import { runProgram } from './run-program.ts'

/** A table on one of the two sides, or both. */
export interface ComparedTable {
  schema: string
  name: string
  inBackup: boolean
  inTarget: boolean
  /** Of the target, as its planner estimates; null = never counted, or not there. A backup has no counts. */
  targetRows: number | null
}

/** A backup beside the database that it would be restored into. */
export interface BackupComparison {
  backup: { filename: string; database: string | null; server: string | null; tables: number }
  /** Null = there is no such database yet. */
  target: { database: string; tables: number } | null
  /** Version of the server that it would be restored on. */
  server: string
  /** By schema and name. */
  tables: ComparedTable[]
}

/** What a backup says of itself. */
export interface BackupContents {
  server: string | null
  /** `schema name` of each table, in the order of the backup. */
  tables: { schema: string; name: string }[]
}

const waitMs = 20_000

/** Reads what `pg_restore --list` prints. Names with a space are told apart where schema and owner have none. */
export function readArchiveList(text: string): BackupContents {
  const server = /^;\s+Dumped from database version: (\S+)/m.exec(text)?.[1] ?? null
  const entries = text.matchAll(/^\d+; \d+ \d+ (?:FOREIGN )?TABLE (?!DATA |ATTACH )(\S+) (.+) \S+$/gm)
  return { server, tables: [...entries].map(([, schema, name]) => ({ schema: schema as string, name: name as string })) }
}

async function readArchive(path: string, pgRestore: string | undefined): Promise<BackupContents> {
  const failed = (problem: string, advice: string) => new TrunklineError('restore_failed', { problem, advice })
  const [tool] = findRestoreTools(pgRestore ? { pgRestore } : {})
  if (!tool) throw failed('there is no pg_restore here', 'Install the package postgresql-client, or set its path (backup.pgRestore).')
  const chunks: Buffer[] = []
  const onStdout = (chunk: Buffer) => chunks.push(chunk)
  const end = await runProgram({ command: tool.path, args: ['--list', path], env: {}, signal: AbortSignal.timeout(waitMs), onStdout })
  if (end.code === 0) return readArchiveList(Buffer.concat(chunks).toString('utf8'))
  const old = /unsupported version/.test(end.stderr)
  throw failed(
    `pg_restore ${tool.version} cannot list it: ${end.stderr}`,
    old ? 'The backup was made by a newer pg_dump: install a pg_restore at least as new.' : 'Check it: trunkline backup verify.',
  )
}

/** The comments that pg_dump writes above each object name it; what stands in the rows of a table is passed over. */
async function readSqlDump(path: string): Promise<BackupContents> {
  const contents: BackupContents = { server: null, tables: [] }
  let isData = false
  for await (const line of createInterface({ input: createReadStream(path).pipe(createGunzip()), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (isData) isData = line !== '\\.'
    else if (/^COPY .* FROM stdin;$/.test(line)) isData = true
    else if (line.startsWith('-- ')) {
      const [, name, schema] = /^-- Name: (.+); Type: (?:FOREIGN )?TABLE; Schema: (.+); Owner: /.exec(line) ?? []
      if (name && schema) contents.tables.push({ schema, name })
      contents.server ??= /^-- Dumped from database version (\S+)/.exec(line)?.[1] ?? null
    }
  }
  return contents
}

const versionStatement = `select current_setting('server_version') server, exists(select from pg_database where datname = $1) "isThere"`
const tablesStatement = `select n.nspname schema, c.relname name, nullif(c.reltuples, -1)::float8 rows
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f') and n.nspname !~ '^(pg_|information_schema$)'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`

/**
 * The tables of a backup against those of the database that it would be restored into; nothing is changed.
 * @throws `file_not_found`, `restore_failed` where the backup cannot be listed here, `database_unavailable`
 */
export async function compareBackup(environment: TaskEnvironment, filename: string, database: string): Promise<BackupComparison> {
  const { storage, pgRestore } = environment
  await storage.stat(filename)
  const [path, manifest] = await Promise.all([storage.localPath(filename), readManifest(storage, filename)])
  const contents = await (filename.endsWith('.dump') ? readArchive(path, pgRestore) : readSqlDump(path))
  const signal = AbortSignal.timeout(waitMs)
  const connectionString = await primaryUrl(environment.connectionString)
  const { server, isThere } = await withClient({ connectionString, name: 'compare', signal }, async (client) => {
    const { rows } = await client.query<{ server: string; isThere: boolean }>(versionStatement, [database])
    return rows[0] as { server: string; isThere: boolean }
  })
  const there = isThere
    ? await withClient({ connectionString, name: 'compare', database, signal }, async (client) => {
        const { rows } = await client.query<{ schema: string; name: string; rows: number | null }>(tablesStatement)
        return rows
      })
    : []
  return {
    backup: {
      filename,
      database: manifest?.database ?? null,
      server: contents.server ?? manifest?.server ?? null,
      tables: contents.tables.length,
    },
    server,
    target: isThere ? { database, tables: there.length } : null,
    tables: beside(contents.tables, there),
  }
}

function beside(
  backup: BackupContents['tables'],
  target: readonly { schema: string; name: string; rows: number | null }[],
): ComparedTable[] {
  const all = new Map<string, ComparedTable>()
  const keyOf = ({ schema, name }: { schema: string; name: string }) => JSON.stringify([schema, name])
  for (const { schema, name } of backup)
    all.set(keyOf({ schema, name }), { schema, name, inBackup: true, inTarget: false, targetRows: null })
  for (const { rows, ...table } of target) {
    const inBackup = all.has(keyOf(table))
    all.set(keyOf(table), { ...table, inBackup, inTarget: true, targetRows: rows })
  }
  return [...all.values()].toSorted((a, b) => a.schema.localeCompare(b.schema) || a.name.localeCompare(b.name))
}
