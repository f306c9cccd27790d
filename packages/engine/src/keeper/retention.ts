import { type Duration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { checkKeys, checkName } from '../jobs/check-options.ts'
import { rangeSize } from '../jobs/partitions.ts'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { inSchema, statement } from '../postgres/statement.ts'

const rangesStatement = statement(import.meta.url, 'ranges.sql')
const markStatement = statement(import.meta.url, 'mark-closing.sql')
const keptStatement = statement(import.meta.url, 'kept.sql')
const countStatement = statement(import.meta.url, 'count-expired.sql')
const purgeStatement = statement(import.meta.url, 'purge.sql')
const taskIdsStatement = statement(import.meta.url, 'task-ids.sql')

/** How long ended jobs are kept after their end; `false` = for ever. Default 30 days. */
export interface StateRetention {
  completed?: Duration | false
  failed?: Duration | false
  cancelled?: Duration | false
}

/** What is kept of the history; of some tasks it may be more or less. */
export interface RetentionOptions extends StateRetention {
  tasks?: Record<string, StateRetention>
}

/** One rule; the first that fits a job counts. */
interface Rule {
  readonly task: string | null
  readonly statuses: readonly number[]
  readonly keepMs: number | null
}

const defaultKeep = '30d'
const stateStatuses = { completed: [2], failed: [3], cancelled: [4, 5] } as const

function readKeep(value: unknown, field: string): number | null {
  return value === false ? null : toMilliseconds(value as Duration, field)
}

/** @throws `unknown_option`, `invalid_option`, `invalid_duration`, `invalid_name` */
export function readRetention(options: RetentionOptions = {}): Rule[] {
  checkKeys(options, ['completed', 'failed', 'cancelled', 'tasks'], 'retention')
  const { tasks = {}, ...common } = options
  if (tasks === null || typeof tasks !== 'object') {
    throw new TrunklineError('invalid_option', {
      field: 'retention.tasks',
      received: show(tasks),
      allowed: 'task names with what is kept of each',
    })
  }
  const rules: Rule[] = []
  for (const [task, kept] of Object.entries(tasks)) {
    checkName(task, 'retention.tasks')
    checkKeys(kept, Object.keys(stateStatuses), `retention of task ${task}`)
    for (const [state, value] of Object.entries(kept)) {
      rules.push({ task, statuses: stateStatuses[state as 'failed'], keepMs: readKeep(value, `retention.tasks.${task}.${state}`) })
    }
  }
  for (const state of ['completed', 'failed', 'cancelled'] as const) {
    rules.push({ task: null, statuses: stateStatuses[state], keepMs: readKeep(common[state] ?? defaultKeep, `retention.${state}`) })
  }
  return rules
}

/** What a pass has removed. */
export interface Removed {
  /** Ranges of 500,000 ids whose partitions were dropped. */
  ranges: number
  /** Jobs removed one by one, because others of their range are kept longer. */
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
  /** One pass: whole ranges first (`prepare`, `drop`), then, where rules differ, a slice of the rest. */
  runOnce(): Promise<Removed>
}

/** Makes the {@link Retention} of a schema. @throws as {@link readRetention} */
export function createRetention(database: Database, options: RetentionOptions = {}): Retention {
  const rules = readRetention(options)
  const keeps = rules.map((rule) => rule.keepMs)
  const longest = keeps.includes(null) ? null : Math.max(...(keeps as number[]))
  const differ = new Set(keeps).size > 1
  let purgedTo = '0'
  /** By number of the range. */
  const prepared = new Map<number, Found>()

  async function prepare(): Promise<number> {
    if (longest === null) return 0
    const cutoff = new Date(Date.now() - longest)
    for (const { no, newest, full } of await database.run<{ no: number; newest: Date | null; full: boolean }>(rangesStatement, [
      rangeSize,
    ])) {
      // ids grow with time: what follows is younger still
      if (!full || (newest !== null && newest > cutoff)) break
      if (prepared.has(no)) continue
      const found = await look(no, cutoff)
      if (found) prepared.set(no, found)
    }
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

  async function purge(): Promise<number> {
    if (!differ && longest !== null) return 0
    const names = [...new Set(rules.flatMap((rule) => rule.task ?? []))]
    const ids = new Map((await database.run<{ name: string; id: number }>(taskIdsStatement, [names])).map((row) => [row.name, row.id]))
    const flat = rules.flatMap(({ task, statuses, keepMs }) =>
      task !== null && !ids.has(task)
        ? []
        : statuses.map((status) => ({ task: task === null ? null : (ids.get(task) as number), status, keepMs })),
    )
    let removed = 0
    for (let turn = 0; turn < 50; turn++) {
      const values = [
        purgedTo,
        10_000,
        numbers(flat.map((r) => r.task)),
        numbers(flat.map((r) => r.status)),
        numbers(flat.map((r) => r.keepMs)),
      ]
      const [row] = await database.run<{ n: number; looked: number; last: string | null }>(purgeStatement, values, 'walk')
      removed += row?.n ?? 0
      // at the end it begins anew with the next pass
      purgedTo = row && row.looked === 10_000 ? (row.last ?? '0') : '0'
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
