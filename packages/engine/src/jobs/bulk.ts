import { didYouMean, limits, show, TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { type JobAnswer, type Kept, refusal } from './answers.ts'
import { cancelMany, deleteMany } from './cancel.ts'
import { checkKeys } from './check-options.ts'
import { type JobFilter, readFilter, selectIds } from './filter.ts'
import { checkJobId, type Names } from './names.ts'
import { promoteMany } from './promote-now.ts'
import { type RerunOptions, rerunMany } from './rerun.ts'
import { retryMany } from './retry.ts'
import { checkSearch, type SearchConditions, searchIds } from './search/search.ts'
import { visibleIds } from './show.ts'
import { undoMany } from './undo.ts'
import { type JobChanges, readChanges, updateMany } from './update.ts'
import type { Within } from './within.ts'

const statesStatement = statement(import.meta.url, 'states.sql')

/** What can be done to many jobs at once. */
export const bulkVerbs = ['cancel', 'retry', 'rerun', 'promote', 'update', 'delete'] as const
/** One of {@link bulkVerbs}. */
export type BulkVerb = (typeof bulkVerbs)[number]
/** What can be kept as a bulk action. */
export type KeptVerb = BulkVerb | 'undo'

/** The jobs that are meant: by id, by the conditions of a search (a query among them), or by a filter; the latter two say something. */
export type BulkTarget = { ids: readonly string[] } | { search: SearchConditions } | JobFilter

/** Options of a bulk call. */
export interface BulkOptions {
  /** Only count what would be touched, by state. Default false. */
  dryRun?: boolean
  /** `update` only: what changes. */
  changes?: JobChanges
  /** `rerun` only: what differs. */
  rerun?: RerunOptions
  /** Keep what is changed, so that it can be undone for 5 minutes (`cancel` and `update` can be). Default false. */
  undoable?: boolean
  /** Who asked, for people. */
  by?: string
  /** At most so many jobs, up to 100,000 (the default). */
  limit?: number
  /** Only jobs that somebody may touch; others answer as if they were not there. Default: all. */
  within?: Within | null
  /** Told after each part. */
  onProgress?: (progress: { done: number; total: number }) => void
  /** Ends it between two parts; what was done stays done. */
  signal?: AbortSignal
}

/** What a bulk call did. */
export interface BulkReport {
  /** Jobs that were selected, frozen before the first was touched. */
  readonly total: number
  readonly accepted: number
  /** Refused, each with its reason in `results`. */
  readonly skipped: number
  /** Of a dry run: the selected jobs by state. */
  readonly byState: Record<string, number>
  /** Of a dry run: the selected jobs; give them back as `{ ids }` to touch exactly what was counted. Else empty. */
  readonly ids: readonly string[]
  /** One for each job; empty after a dry run. */
  readonly results: JobAnswer[]
  /** Its number, where it was kept. */
  readonly bulkId: string | null
  /** Until when it can be undone; null = it cannot. */
  readonly undoUntil: Date | null
}

const optionNames = ['dryRun', 'changes', 'rerun', 'undoable', 'by', 'limit', 'within', 'onProgress', 'signal']

/** Jobs of one transaction: few enough that claims beside it wait for milliseconds only. */
const partSize = 500

async function select(
  database: Database,
  names: Names,
  target: BulkTarget,
  limit: number,
  within: Within | null | undefined,
): Promise<string[]> {
  if ('ids' in target) {
    checkKeys(target, ['ids'], 'a list of jobs')
    if (!Array.isArray(target.ids) || target.ids.length > limits.bulk) {
      throw new TrunklineError('invalid_option', { field: 'ids', received: show(target.ids), allowed: `at most ${limits.bulk} job ids` })
    }
    return [...new Set(target.ids.map((id, i) => checkJobId(id, `ids[${i}]`)))].slice(0, limit)
  }
  if ('search' in target) {
    checkKeys(target, ['search'], 'a bulk search')
    if (!checkSearch(target.search)) refuseAll()
    return await searchIds(database, { ...target.search, ...(within ? { within } : {}) }, limit)
  }
  const filter = await readFilter(names, target, { where: 'a bulk filter', within })
  if (Object.values(target).every((value) => value === undefined)) refuseAll()
  return await selectIds(database, filter, limit)
}

function refuseAll(): never {
  throw new TrunklineError('invalid_option', {
    field: 'filter',
    received: 'no condition',
    allowed: 'at least one condition; for all jobs say so: { createdAfter: "1970-01-01T00:00:00Z" }',
  })
}

/** Options of a verb; `undo` says which bulk action is undone. */
export type VerbOptions = Pick<BulkOptions, 'changes' | 'rerun' | 'by'> & { undo?: string }

/** Checks the options of a verb, and answers how it is done to a part. */
export async function verbFor(
  database: Database,
  names: Names,
  verb: KeptVerb,
  options: VerbOptions,
): Promise<(ids: readonly string[], kept?: Kept) => Promise<JobAnswer[]>> {
  const by = options.by ?? null
  switch (verb) {
    case 'cancel':
      return (ids, kept) => cancelMany(database, ids, by, kept)
    case 'delete':
      return (ids) => deleteMany(database, ids, by)
    case 'retry':
      return (ids) => retryMany(database, ids)
    case 'promote':
      return (ids) => promoteMany(database, ids)
    case 'update': {
      const changes = await readChanges(names, options.changes ?? {})
      return (ids, kept) => updateMany(database, ids, changes, kept)
    }
    case 'undo':
      return (ids) => undoMany(database, names, options.undo as string, ids)
    case 'rerun':
      // its options are checked now, not at the first part
      await rerunMany(database, names, [], options.rerun)
      return (ids) => rerunMany(database, names, ids, { ...options.rerun, ...(by === null ? {} : { createdBy: by }) })
    default:
      return refuseVerb(verb)
  }
}

function refuseVerb(verb: unknown): never {
  throw new TrunklineError('invalid_option', {
    field: 'verb',
    received: show(verb),
    allowed: bulkVerbs.join(', ') + didYouMean(String(verb), bulkVerbs),
  })
}

/** The answer of a job that the caller may not see. */
export function unseen(id: string): JobAnswer {
  const { code, message, hint } = refusal('updated', id, 'gone')
  return { jobId: id, ok: false, code, reason: message, hint }
}

/**
 * Checks a bulk call, and selects its jobs.
 * @throws as {@link bulk}
 */
export async function selectBulk(
  database: Database,
  names: Names,
  verb: BulkVerb,
  target: BulkTarget,
  options: BulkOptions,
): Promise<{ ids: string[]; run: (ids: readonly string[]) => Promise<JobAnswer[]> }> {
  checkKeys(options, optionNames, 'bulk')
  if (!bulkVerbs.includes(verb)) refuseVerb(verb)
  const { limit = limits.bulk, within } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.bulk) {
    throw new TrunklineError('invalid_option', {
      field: 'limit',
      received: show(limit),
      allowed: `a whole number from 1 to ${limits.bulk}`,
    })
  }
  const run = await verbFor(database, names, verb, options)
  return { run, ids: await select(database, names, target, limit, within) }
}

/**
 * Does one thing to many jobs: selects them, then works through them in parts of 500, each in a transaction of its own, while
 * claims go on. Every job answers for itself; a refusal stops nothing.
 * @throws `invalid_option`, `unknown_option`, and what the filter and the verb throw for bad input: before anything was touched
 */
export async function bulk(
  database: Database,
  names: Names,
  verb: BulkVerb,
  target: BulkTarget,
  options: BulkOptions = {},
): Promise<BulkReport> {
  const { dryRun = false, within, onProgress, signal } = options
  const { ids, run } = await selectBulk(database, names, verb, target, options)
  if (dryRun) {
    const byState: Record<string, number> = {}
    for (let from = 0; from < ids.length; from += 5000) {
      for (const row of await database.run<{ state: string; n: number }>(
        statesStatement,
        [`{${[...(await visibleIds(database, ids.slice(from, from + 5000), within))].join(',')}}`],
        'walk',
      )) {
        byState[row.state] = (byState[row.state] ?? 0) + row.n
      }
    }
    return { total: ids.length, accepted: 0, skipped: 0, byState, ids, results: [], bulkId: null, undoUntil: null }
  }
  const results: JobAnswer[] = []
  for (let from = 0; from < ids.length && !signal?.aborted; from += partSize) {
    const part = ids.slice(from, from + partSize)
    const visible = await visibleIds(database, part, within)
    for (const answer of visible.size === 0 ? [] : await run(part.filter((id) => visible.has(id)))) results.push(answer)
    for (const id of part) if (!visible.has(id)) results.push(unseen(id))
    onProgress?.({ done: Math.min(ids.length, from + partSize), total: ids.length })
  }
  const accepted = results.filter((r) => r.ok).length
  return { total: ids.length, accepted, skipped: results.length - accepted, byState: {}, ids: [], results, bulkId: null, undoUntil: null }
}
