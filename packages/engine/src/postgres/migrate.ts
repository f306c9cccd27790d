import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TrunklineError } from '@trunkline/contract'
import type pg from 'pg'
import type { Database } from './database.ts'
import { connectToPrimary } from './primary.js'
import { inSchema, quoteName } from './statement.ts'
import { explain, isTransient } from './transient.ts'

/** One file of `migrations/`. */
export interface Migration {
  readonly no: number
  readonly name: string
  /** Old workers may not go on beside it. */
  readonly breaking: boolean
  readonly text: string
}

const folder = new URL('../../migrations/', import.meta.url)

/** All migrations of this version, in order. */
export function readMigrations(): Migration[] {
  return readdirSync(fileURLToPath(folder))
    .filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(fileURLToPath(new URL(file, folder)), 'utf8')
      return { no: Number(file.slice(0, 4)), name: file.replace(/\.sql$/, ''), breaking: /^-- breaking: yes/m.test(text), text }
    })
}

const ledger = `create table if not exists trunkline.migration (
  no int primary key, name text not null, breaking boolean not null, applied_at timestamptz not null default now()
);`

/** The whole SQL of a fresh schema, for a review or for an administrator who applies it by hand. */
export function migrationSql(schema: string, after = 0): string {
  const parts = readMigrations().filter((m) => m.no > after)
  const body = parts.map(
    (m) => `${m.text.trim()}\n\ninsert into trunkline.migration(no, name, breaking) values (${m.no}, '${m.name}', ${m.breaking});\n`,
  )
  return `create schema if not exists ${quoteName(schema)};\n\n${inSchema(`${ledger}\n\n${body.join('\n')}`, schema)}`
}

/** How a schema stands against this version. */
export interface SchemaState {
  /** Highest migration that was applied; 0 when there is none. */
  readonly applied: number
  /** Highest migration of this version. */
  readonly known: number
  /** A migration beyond what this version knows forbids it to go on. */
  readonly tooNew: boolean
}

/** Reads {@link SchemaState}. */
export async function schemaState(database: Database): Promise<SchemaState> {
  const known = readMigrations().at(-1)?.no ?? 0
  const [there] = await database.query('select to_regclass($1) is not null found', [`${quoteName(database.schema)}.migration`])
  if (!there.found) return { applied: 0, known, tooNew: false }
  const [row] = await database.query(
    `select coalesce(max(no), 0) applied, coalesce(bool_or(breaking and no > $1), false) too_new from ${quoteName(database.schema)}.migration`,
    [known],
  )
  return { applied: row.applied, known, tooNew: row.too_new }
}

/** @throws `schema_missing`, `schema_too_new` unless this version can work with the schema as it is */
export async function checkSchemaState(database: Database): Promise<void> {
  const state = await schemaState(database)
  const values = { schema: database.schema, received: `migration ${state.applied}`, allowed: `${state.known}` }
  if (state.applied < state.known) throw new TrunklineError('schema_missing', values)
  if (state.tooNew) throw new TrunklineError('schema_too_new', values)
}

/**
 * Brings the schema up to this version, each migration in a transaction of its own. Any number of processes may call it at
 * once: one works, the others wait and find it done.
 * @returns the names of what was applied
 * @throws `migration_failed`, `schema_too_new`, `database_unavailable`
 */
export async function migrate(database: Database): Promise<string[]> {
  const applied: string[] = []
  let client: pg.Client | null = null
  try {
    // a large index may take its time: no limit for an answer
    const config = { connectionTimeoutMillis: 10_000, application_name: 'trunkline migrate' }
    client = await connectToPrimary(database.direct.servers, config, () => {})
    for (const migration of readMigrations()) {
      if (await applyOne(client, database.schema, migration)) applied.push(migration.name)
    }
  } catch (error) {
    throw explain(error, database.schema)
  } finally {
    await client?.end().catch(() => {})
  }
  await checkSchemaState(database)
  return applied
}

async function applyOne(client: pg.Client, schema: string, migration: Migration): Promise<boolean> {
  for (let turn = 1; ; turn++) {
    try {
      await client.query('begin')
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 7))', [`trunkline.migrate.${schema}`])
      // a running claim must not queue behind our wait for a table lock; and where both wait for each other we give way before its
      // session looks for a deadlock (after a second), which would end the claim
      await client.query("set local lock_timeout = '500ms'")
      await client.query(`create schema if not exists ${quoteName(schema)}`)
      await client.query(inSchema(ledger, schema))
      const { rows } = await client.query(`select from ${quoteName(schema)}.migration where no = $1`, [migration.no])
      if (rows.length === 0) {
        await client.query(inSchema(migration.text, schema))
        await client.query(`insert into ${quoteName(schema)}.migration(no, name, breaking) values ($1, $2, $3)`, [
          migration.no,
          migration.name,
          migration.breaking,
        ])
      }
      await client.query('commit')
      return rows.length === 0
    } catch (error) {
      await client.query('rollback').catch(() => {})
      if (turn < 80 && ['55P03', '40P01'].includes((error as { code?: string }).code ?? '')) continue
      if (isTransient(error)) throw error
      throw new TrunklineError('migration_failed', { migration: migration.name, problem: (error as Error).message }, { cause: error })
    }
  }
}
