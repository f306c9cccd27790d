import { rangeSize } from '../jobs/partitions.ts'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { inSchema, statement } from '../postgres/statement.ts'
import {
  flatRules,
  isBeyond,
  type RetentionOptions,
  type Rule,
  readRetention,
  saysSomething,
  shortestKeep,
  tasksOfRules,
  wholeRetention,
} from './retention-rules.ts'

const rangesStatement = statement(import.meta.url, 'ranges.sql')
const markStatement = statement(import.meta.url, 'mark-closing.sql')
const keptStatement = statement(import.meta.url, 'kept.sql')
const countStatement = statement(import.meta.url, 'count-expired.sql')
const purgeStatement = statement(import.meta.url, 'purge.sql')
const inForceStatement = statement(import.meta.url, 'retention-in-force.sql')
const taskIdsStatement = statement(import.meta.url, 'task-ids.sql')

/** A range that took longer than this to fill is not waited for: its jobs go one by one. */
const slowMs = 86_400_000

/** What a pass has removed. */
export interface Removed {
  /** Ranges of 500,000 ids whose partitions were dropped. */
  ranges: number
  /** Jobs removed one by one, because others of their range are kept longer, or because it fills slowly. */
  jobs: number
}

/** Jobs of a range, by what becomes of them. */
interface Group {
  queue_id: number | null
  task_id: number | null
  status: number | null
  keep: boolean
  n: number
  ids: string[] | null
}

/** More of a range are not carried over: it waits until most of it may go. */
const mostKept = 10_000
const tables = ['job', 'outcome', 'log'] as const
/** Side tables by job id. */
const beside = ['attempt', 'moved', 'retagged', 'hidden', 'cancel_wanted', 'flow_job'] as const
const besideByJob = ['progress', 'searchable', 'origin', 'trace', 'step'] as const

/** What one look at a closing range has found; it stays true, because nothing of such a range comes to life again. */
interface Found {
  kept: string[]
  going: Group[]
}

/** Removes history by its rules; one pass at a time. */
export interface Retention {
  /** Closes the ranges that are due and counts what they hold: reads only, beside everything. Returns how many can be dropped. */
  prepare(): Promise<number>
  /** Drops what was prepared: a fraction of a second per range, whatever it holds. */
  drop(): Promise<number>
  /** One pass: whole ranges first (`prepare`, `drop`), then a slice of those where rules differ or that fill slowly. */
  runOnce(): Promise<Removed>
}

/** What a slice has come to. */
interface Purged {
  n: number
  looked: number
  last: string | null
  made: Date | null
}

/** A range that has partitions. */
interface Range {
  no: number
  closing: boolean
  oldest: Date | null
  newest: Date | null
  full: boolean
}

/** Numbers of tasks by name. */
export async function taskIds(database: Database, names: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.run<{ name: string; id: number }>(taskIdsStatement, [names])
  return new Map(rows.map((row) => [row.name, row.id]))
}

/**
 * Makes the {@link Retention} of a schema. Rules that are stored in the database stand in the place of `options`; they are read at the
 * beginning of each pass.
 * @throws as {@link readRetention}
 */
export function createRetention(database: Database, options: RetentionOptions = {}): Retention {
  const ofSettings = saysSomething(options) ? JSON.stringify(wholeRetention(options)) : null
  let rules: Rule[] = readRetention(options)
  let purgedTo = '0'
  /** The first id of the ranges that are not waited for. */
  let slowFrom = 0
  /** By number of the range. */
  const prepared = new Map<number, Found>()

  async function readRules(): Promise<void> {
    const [row] = await database.run<{ rules: RetentionOptions | null }>(inForceStatement, [ofSettings])
    const now = readRetention(row?.rules ?? options)
    // what was found under other rules says nothing under these
    if (JSON.stringify(now) !== JSON.stringify(rules)) prepared.clear()
    rules = now
  }

  /** How long all of a range is kept; null = something of it for ever. */
  function longest(): number | null {
    const keeps = rules.map((rule) => rule.keepMs)
    return keeps.includes(null) ? null : Math.max(...(keeps as number[]))
  }

  async function prepare(): Promise<number> {
    await readRules()
    const keepMs = longest()
    const cutoff = new Date(Date.now() - (keepMs ?? 0))
    let isDue = keepMs !== null
    let slow: number | null = null
    for (const { no, closing, oldest, newest, full } of await database.run<Range>(rangesStatement, [rangeSize])) {
      // ids grow with time: what follows is younger still
      isDue &&= full && (newest === null || newest <= cutoff)
      if (!isDue) {
        // marked under other rules
        if (closing) await database.run(markStatement, [no, false])
        if (slow === null && !(full && oldest !== null && newest !== null && newest.getTime() - oldest.getTime() < slowMs)) slow = no
        continue
      }
      if (prepared.has(no)) continue
      const found = await look(no, cutoff)
      if (found) prepared.set(no, found)
    }
    slowFrom = (slow ?? Number.POSITIVE_INFINITY) * rangeSize
    return prepared.size
  }

  /** Null, and the range stays open, where too much of it must be kept. */
  async function look(no: number, cutoff: Date): Promise<Found | null> {
    // the mark first: after it fewer and fewer of the range are alive, so that one look is enough
    await database.run(markStatement, [no, true])
    const groups = await database.transaction(async (tx) => {
      // both sides come in the order of their ids: a merge takes 190 ms for 500,000 jobs, the hash that is usually chosen 430
      await tx.query('set local enable_hashjoin = off')
      return await database.run<Group>(keptStatement, [no * rangeSize, (no + 1) * rangeSize, cutoff.toISOString()], tx)
    })
    const kept = groups.flatMap((group) => (group.keep ? (group.ids ?? []) : []))
    const going = groups.filter((group) => !group.keep)
    if (kept.length <= mostKept && (going.length > 0 || kept.length === 0)) return { kept, going }
    await database.run(markStatement, [no, false])
    return null
  }

  /** Stragglers are carried over into new partitions of the same range; without any the range is gone. */
  async function drop(): Promise<number> {
    let dropped = 0
    const ranges = [...prepared]
    // whatever fails: the next pass looks again, since others may have deleted jobs meanwhile
    prepared.clear()
    for (const [no, { kept, going }] of ranges) {
      await swap(no, kept, going)
      for (const text of sweepTexts(no)) await database.query(inSchema(text, database.schema))
      dropped++
    }
    return dropped
  }

  async function swap(no: number, kept: readonly string[], going: readonly Group[]): Promise<void> {
    const counted = (['queue_id', 'task_id', 'status', 'n'] as const).map((name) => numbers(going.map((group) => group[name])))
    for (let turn = 1; ; turn++) {
      try {
        return await database.transaction(async (tx) => {
          // claims and ends queue behind our wait for the tables: better to give up soon, and to ask again
          await tx.query("set local lock_timeout = '500ms'")
          await database.run(countStatement, counted, tx)
          for (const text of swapTexts(no, kept.length > 0)) {
            await tx.query(inSchema(text, database.schema), text.includes('$1') ? [numbers(kept)] : undefined)
          }
        })
      } catch (error) {
        if (turn === 10 || (error as { code?: string }).code !== '55P03') throw error
      }
    }
  }

  /** Where to begin: at the first job, or, where all is kept equally long, behind the ranges that will go whole; null = nowhere. */
  function purgeFrom(): string | null {
    if (purgedTo !== '0' || new Set(rules.map((rule) => rule.keepMs)).size > 1) return purgedTo
    return longest() === null || slowFrom === Number.POSITIVE_INFINITY ? null : String(Math.max(0, slowFrom - 1))
  }

  async function purge(): Promise<number> {
    const from = purgeFrom()
    const shortest = shortestKeep(rules)
    if (from === null || shortest === null) return 0
    purgedTo = from
    const flat = flatRules(rules, await taskIds(database, tasksOfRules(rules)))
    let removed = 0
    for (let turn = 0; turn < 50; turn++) {
      const [row] = await database.run<Purged>(purgeStatement, [purgedTo, 10_000, ...flat], 'walk')
      removed += row?.n ?? 0
      // at the end it begins anew with the next pass
      const isAtEnd = !row || row.looked < 10_000 || isBeyond(row.made, shortest)
      purgedTo = isAtEnd ? '0' : (row.last ?? '0')
      if (purgedTo === '0') break
    }
    return removed
  }

  return {
    prepare,
    drop,
    async runOnce() {
      await prepare()
      return { ranges: await drop(), jobs: await purge() }
    },
  }
}

/**
 * The statements that exchange the partitions of a range. The parents are locked first and for the shortest time: whoever wrote
 * to a partition while we asked for its parent would wait for us, and we for him.
 */
function swapTexts(no: number, keep: boolean): string[] {
  const from = no * rangeSize
  const to = from + rangeSize
  const texts = [`lock table ${tables.map((table) => `trunkline.${table}`).join(', ')} in access exclusive mode`]
  for (const table of tables) {
    const id = table === 'log' ? 'job_id' : 'id'
    texts.push(`alter table trunkline.${table} detach partition trunkline.${table}_${no}`)
    if (keep) {
      texts.push(
        `alter table trunkline.${table}_${no} rename to ${table}_${no}_old`,
        `create table trunkline.${table}_${no} (like trunkline.${table} including defaults including constraints, check (${id} >= ${from} and ${id} < ${to}))`,
        `insert into trunkline.${table}_${no} select * from trunkline.${table}_${no}_old where ${id} = any($1::bigint[])`,
        `alter table trunkline.${table} attach partition trunkline.${table}_${no} for values from (${from}) to (${to})`,
        `drop table trunkline.${table}_${no}_old`,
      )
    } else texts.push(`drop table trunkline.${table}_${no}`)
  }
  // what stays may be retried again, until the range is looked at the next time
  texts.push(keep ? `update trunkline.id_range set closing_at = null where no = ${no}` : `delete from trunkline.id_range where no = ${no}`)
  return texts
}

/** What side tables still know of jobs that are gone. */
function sweepTexts(no: number): string[] {
  const between = (id: string) => `${id} >= ${no * rangeSize} and ${id} < ${(no + 1) * rangeSize}`
  const text = (table: string, id: string) =>
    `delete from trunkline.${table} t where ${between(id)} and not exists (select from trunkline.job j where j.id = t.${id})`
  return [
    ...beside.map((table) => text(table, 'id')),
    ...besideByJob.map((table) => text(table, 'job_id')),
    text('dependency', 'child'),
    // a flow goes with the last of its jobs
    `delete from trunkline.flow f where f.created_at < now() - interval '1 day' and not exists (select from trunkline.flow_job m where m.flow_id = f.id)`,
  ]
}
