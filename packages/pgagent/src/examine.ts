import { type Database, statement } from '@trunkline/engine/postgres'
import { script } from './install.ts'

const examineStatement = statement(import.meta.url, 'examine.sql')

/** What is looked at, in this order. */
export const examinedParts = ['connectivity', 'schema', 'tables', 'grants', 'function', 'trigger', 'beside', 'watch'] as const

/** One part of what {@link examine} found. */
export interface Examined {
  part: (typeof examinedParts)[number]
  ok: boolean
  /** In one sentence. */
  found: string
  /** What mends it, to be run by the owner of the database; null where no SQL can, and where nothing is to be mended. */
  sql: string | null
}

/** What {@link examine} found. */
export interface Examination {
  /** Can jobs be run and looked after? Without `watch` they can: it is polled. */
  ok: boolean
  serverVersion: string | null
  database: string | null
  role: string | null
  parts: Examined[]
}

const whole = () => `${script('pgagent')}\n${script('trunkline_pgagent')}`

const triggerSql: Record<string, string> = {
  pga_job_trigger:
    'create trigger pga_job_trigger before update on pgagent.pga_job for each row execute procedure pgagent.pga_job_trigger()',
  pga_schedule_trigger:
    'create trigger pga_schedule_trigger after insert or update or delete on pgagent.pga_schedule for each row execute procedure pgagent.pga_schedule_trigger()',
  pga_exception_trigger:
    'create trigger pga_exception_trigger after insert or update or delete on pgagent.pga_exception for each row execute procedure pgagent.pga_exception_trigger()',
}

/** The pieces of a script of ours that make these objects; where one has none, the whole of it. */
function pieces(name: 'pgagent' | 'trunkline_pgagent', pattern: (object: string) => RegExp, objects: readonly string[]): string {
  const text = script(name)
  const found = objects.map((object) => pattern(object).exec(text)?.[0])
  return found.every(Boolean) ? found.join('\n\n') : text
}

const tableText = (name: string) => new RegExp(`create table pgagent\\.${name} \\([\\s\\S]*?\\n\\);(?:\\ncreate (?:unique )?index[^\\n]*)*`)
const functionText = (name: string) => new RegExp(`create function pgagent\\.${name}\\([\\s\\S]*?\\nend \\$\\$;`)
const lines = (statements: readonly string[]) => statements.map((sql) => `${sql};`).join('\n')
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

function partsOf(row: any): Examined[] {
  const parts: Examined[] = [{ part: 'connectivity', ok: true, found: `${row.role} reaches database ${row.database}`, sql: null }]
  const say = (part: Examined['part'], bad: readonly string[], good: string, sql: () => string) =>
    parts.push({
      part,
      ok: bad.length === 0,
      found: bad.length === 0 ? good : `missing: ${bad.join(', ')}`,
      sql: bad.length === 0 ? null : sql(),
    })
  if (!row.has_schema) {
    say('schema', ['schema pgagent'], '', whole)
    return parts
  }
  const uses = row.may_use ? [] : [`grant usage on schema pgagent to ${quoted(row.role)}`]
  say('schema', [], 'the schema pgagent is there', () => '')
  say('tables', row.missing_tables, 'all eight', () => pieces('pgagent', tableText, row.missing_tables))
  const grants = [...uses, ...row.missing_grants, ...row.missing_sequence_grants]
  say('grants', grants, 'this role may read and write all of it', () => lines(grants))
  say(
    'function',
    row.missing_functions,
    'the next run is computed there',
    () =>
      // ours compute by functions that stand beside the schema
      `${script('trunkline_pgagent')}\n${pieces('pgagent', functionText, row.missing_functions)}`,
  )
  say('trigger', row.missing_triggers, 'what is edited is planned anew', () =>
    lines(row.missing_triggers.map((t: string) => triggerSql[t])),
  )
  const own = [
    ...(row.has_ours && !row.may_use_ours ? [`grant usage on schema trunkline_pgagent to ${quoted(row.role)}`] : []),
    ...row.missing_own_grants,
  ]
  if (!row.has_ours || row.missing_own_tables.length > 0)
    say('beside', row.has_ours ? row.missing_own_tables : ['schema trunkline_pgagent'], '', () => script('trunkline_pgagent'))
  else say('beside', own, 'ours stands beside it', () => lines(own))
  say(
    'watch',
    row.missing_watches,
    'changes are told at once',
    () => `${row.has_ours ? '' : script('trunkline_pgagent')}select trunkline_pgagent.watch();`,
  )
  return parts
}

/**
 * Looks at a schema `pgagent` as the role of this connection finds it: what is missing, and the SQL that mends it.
 * It changes nothing, and a server that cannot be reached is an answer, not an error.
 */
export async function examine(database: Database): Promise<Examination> {
  try {
    const [row] = await database.run(examineStatement, [])
    const parts = partsOf(row)
    const ok = parts.every((part) => part.ok || part.part === 'watch')
    return { ok, serverVersion: row.server_version, database: row.database, role: row.role, parts }
  } catch (error) {
    const { cause, message, code } = error as Error & { code?: string }
    // a statement of ours that this server does not understand
    if (code?.startsWith('42')) throw error
    const found = cause instanceof Error ? cause.message || message : message
    return { ok: false, serverVersion: null, database: null, role: null, parts: [{ part: 'connectivity', ok: false, found, sql: null }] }
  }
}
