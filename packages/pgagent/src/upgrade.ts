import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import { installSchema, script } from './install.ts'

const describeStatement = statement(import.meta.url, 'describe-schema.sql')
const schedulesStatement = statement(import.meta.url, 'planned-schedules.sql')
const compareStatement = statement(import.meta.url, 'compare-next-run.sql')
const noteReplaced = statement(import.meta.url, 'note-replaced.sql')
const listReplaced = statement(import.meta.url, 'list-replaced.sql')

/** The schema that ours is made in for a moment, to be compared. */
const scratch = 'trunkline_pgagent_ours'
/** The original does not come to an end for some schedules. */
const answerWithin = '1s'

/** One object that is otherwise than in our schema. */
export interface Difference {
  kind: 'column' | 'constraint' | 'index' | 'function' | 'trigger'
  /** Its table; null of a function. */
  table: string | null
  name: string
  /** As it is; null = it is missing. */
  now: string | null
  /** As it is in our schema. */
  then: string
  /** Does {@link applyUpgrade} make it so? Tables themselves are never changed: columns and constraints are only told. */
  isUpgraded: boolean
}

/** A schedule whose next run is another after the upgrade. */
export interface ChangedRun {
  jobId: number
  job: string
  schedule: string
  /** RFC 3339, or what keeps it from an answer; null = never. */
  now: string | null
  then: string | null
}

/** What {@link planUpgrade} found. */
export interface UpgradePlan {
  differences: Difference[]
  changedRuns: ChangedRun[]
  /** The version of the extension that the schema belongs to: a dump takes its functions from there, not what is put in their place. */
  extension: string | null
}

interface Described {
  kind: Difference['kind']
  on_table: string | null
  name: string
  definition: string
}

const upgraded: readonly Difference['kind'][] = ['function', 'trigger', 'index']
const keyOf = ({ kind, on_table, name }: Described) => `${kind} ${on_table} ${name}`

/** Our schema as the server would write it down: made under another name, described, and rolled back. */
async function describeOurs(database: Database): Promise<Described[]> {
  const undone = new Error('undone')
  let found: Described[] = []
  await database
    .transaction(async (tx) => {
      const text = script('pgagent')
        .replaceAll(/(?<!\w)pgagent\./g, `${scratch}.`)
        .replaceAll(/schema pgagent\b/g, `schema ${scratch}`)
      await tx.query(text)
      found = await database.run<Described>(describeStatement, [scratch], tx)
      throw undone
    })
    .catch((error) => {
      if (error !== undone) throw error
    })
  return found
}

async function findDifferences(database: Database): Promise<Difference[]> {
  const there = new Map((await database.run<Described>(describeStatement, ['pgagent'])).map((one) => [keyOf(one), one]))
  return (await describeOurs(database)).flatMap((ours) => {
    const now = there.get(keyOf(ours))?.definition ?? null
    if (now === ours.definition) return []
    const { kind, on_table: table, name, definition: then } = ours
    return [{ kind, table, name, now, then, isUpgraded: upgraded.includes(kind) }]
  })
}

/** The next runs by the function that is there and by ours, each schedule by itself: one that gives no answer hides no other. */
async function compareRuns(database: Database): Promise<ChangedRun[]> {
  const changed: ChangedRun[] = []
  const schedules = await database.run<{ jscid: number; jobid: number; jobname: string; jscname: string }>(schedulesStatement, [])
  for (const { jscid, jobid, jobname, jscname } of schedules) {
    const answer = async (which: 'now' | 'then') =>
      await database
        .transaction(async (tx) => {
          await tx.query(`set local statement_timeout = '${answerWithin}'`)
          const [row] = await database.run<{ at: Date | null }>(compareStatement, [jscid, which], tx)
          return row?.at?.toISOString() ?? null
        })
        .catch((error) => {
          if (error.code === '57014') return `no answer within ${answerWithin}`
          if (typeof error.code === 'string' && /^(22|P0)/.test(error.code)) return `error: ${error.message}`
          throw error
        })
    const [now, then] = [await answer('now'), await answer('then')]
    if (now !== then) changed.push({ jobId: jobid, job: jobname, schedule: jscname, now, then })
  }
  return changed
}

/**
 * What an upgrade would change in a schema `pgagent` that somebody else made: nothing is changed by this. Needs the right to make a
 * schema in the database, for a moment.
 */
export async function planUpgrade(database: Database): Promise<UpgradePlan> {
  const differences = await findDifferences(database)
  const changedRuns = differences.some(({ kind }) => kind === 'function') ? await compareRuns(database) : []
  const [row] = await database.query<{ version: string }>(`select extversion as version from pg_extension where extname = 'pgagent'`)
  return { differences, changedRuns, extension: row?.version ?? null }
}

const dropped = ({ kind, table, name }: Pick<Difference, 'kind' | 'table' | 'name'>) => {
  if (kind === 'trigger') return `drop trigger if exists "${name}" on pgagent."${table}"`
  return kind === 'index' ? `drop index if exists pgagent."${name}"` : `drop function if exists pgagent.${name}`
}

/** Functions are replaced in place, whatever depends on them; the others are made anew. */
async function put(tx: Queryable, one: Pick<Difference, 'kind' | 'table' | 'name'>, definition: string | null): Promise<void> {
  if (one.kind !== 'function' || definition === null) await tx.query(dropped(one))
  if (definition !== null) await tx.query(definition)
}

/**
 * Puts our functions, triggers and indexes where others are or none; the rows of the tables stay as they are, a stored next run until it
 * is computed the next time. What was there is kept for {@link undoUpgrade}. All or nothing; the owner of the schema must do it.
 * @returns what was changed
 */
export async function applyUpgrade(database: Database, by: string): Promise<Difference[]> {
  await installSchema(database)
  const wanted = (await findDifferences(database)).filter(({ isUpgraded }) => isUpgraded)
  await database.transaction(async (tx) => {
    for (const one of wanted) {
      await database.run(noteReplaced, [one.kind, one.table ?? '', one.name, one.now, by], tx)
      await put(tx, one, one.then)
    }
  })
  return wanted
}

/**
 * Puts back what {@link applyUpgrade} has replaced.
 * @returns how many objects
 */
export async function undoUpgrade(database: Database): Promise<number> {
  await installSchema(database)
  return await database.transaction(async (tx) => {
    const kept = await database.run<{ kind: Difference['kind']; table: string; name: string; definition: string | null }>(
      listReplaced,
      [],
      tx,
    )
    for (const one of kept) await put(tx, one, one.definition)
    return kept.length
  })
}
