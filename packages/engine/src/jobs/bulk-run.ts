import { limits, show, TrunklineError } from '@trunkline/contract'
import { numbers } from '../postgres/arrays.ts'
import { type Database, withinTransaction } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { JobAnswer, Kept } from './answers.ts'
import {
  type BulkOptions,
  type BulkReport,
  type BulkTarget,
  type BulkVerb,
  type KeptVerb,
  selectBulk,
  unseen,
  type VerbOptions,
  verbFor,
} from './bulk.ts'
import type { Names } from './names.ts'
import { withPartitions } from './partitions.ts'
import { visibleIds } from './show.ts'
import { isUndoable, undoableIds } from './undo.ts'
import type { Within } from './within.ts'

const insertStatement = statement(import.meta.url, 'insert-bulk.sql')
const bindStatement = statement(import.meta.url, 'bind-bulk.sql')
const nextStatement = statement(import.meta.url, 'next-of-bulk.sql')
const storeStatement = statement(import.meta.url, 'store-bulk-results.sql')
const sumStatement = statement(import.meta.url, 'sum-of-bulk.sql')

/** Jobs of one transaction. */
const partSize = 500
/** In an open transaction all of a few jobs go at once: two statements in it could wait for two in another. */
const partSizeInside = 1000

/** What a bulk action that is kept is given. */
export interface BulkPlan extends Pick<BulkOptions, 'changes' | 'rerun' | 'by' | 'within'> {
  verb: KeptVerb
  /** The selection, frozen: of a dry run. */
  ids: readonly string[]
  /** Of the verb `undo`: the bulk action that is undone. */
  undo?: string
}

/** Keeps a bulk action, to be worked through by {@link runBulk} or {@link runKept}. Answers its number. */
export async function storeBulk(database: Database, names: Names, plan: BulkPlan): Promise<string> {
  const { verb, ids, by = null, within = null, changes, rerun, undo } = plan
  const options = { ...(changes ? { changes } : {}), ...(rerun ? { rerun } : {}), ...(undo === undefined ? {} : { undo }) }
  // bad options are told now, not when the job runs
  await verbFor(database, names, verb, options)
  const [row] = await database.run<{ id: string }>(insertStatement, [
    verb,
    JSON.stringify(options),
    within && JSON.stringify(within),
    by,
    numbers(ids),
  ])
  return (row as { id: string }).id
}

/** Says which job works through a bulk action. */
export async function bindBulk(database: Database, bulkId: string, jobId: string): Promise<void> {
  await database.run(bindStatement, [bulkId, jobId])
}

interface Part {
  verb: KeptVerb
  options: Omit<VerbOptions, 'by'>
  within: Within | null
  by_whom: string | null
  done: number
  total: number
  ids: string[]
  results: JobAnswer[]
}

async function runPart(database: Database, names: Names, bulkId: string): Promise<Part | null> {
  return await withPartitions(database, () =>
    database.transaction(async (tx) => {
      const inside = withinTransaction(database, tx)
      const [part] = await inside.run<Part>(nextStatement, [bulkId, database.inTransaction ? partSizeInside : partSize])
      if (!part) return null
      if (part.ids.length === 0) return { ...part, results: [] }
      const run = await verbFor(inside, names, part.verb, { ...part.options, ...(part.by_whom === null ? {} : { by: part.by_whom }) })
      const visible = await visibleIds(inside, part.ids, part.within)
      const able = part.ids.filter((id) => visible.has(id))
      const kept: Kept = new Map()
      const answers = new Map((able.length === 0 ? [] : await run(able, kept)).map((answer) => [answer.jobId, answer]))
      const results: JobAnswer[] = part.ids.map((id) => answers.get(id) ?? unseen(id))
      const stored = results.map((answer) => ({ ...answer, before: kept.get(answer.jobId) }))
      await inside.run(storeStatement, [bulkId, JSON.stringify(stored)])
      return { ...part, results }
    }, 'walk'),
  )
}

/** How a bulk action ended. */
export interface BulkSum {
  total: number
  accepted: number
  skipped: number
}

type RunOptions = Pick<BulkOptions, 'onProgress' | 'signal'>
/** Who undoes, and which jobs they may touch. */
export type UndoOptions = Pick<BulkOptions, 'by' | 'within'>

async function runParts(
  database: Database,
  names: Names,
  bulkId: string,
  { onProgress, signal }: RunOptions,
  onResults: (results: JobAnswer[]) => void,
): Promise<void> {
  while (!signal?.aborted) {
    const part = await runPart(database, names, bulkId)
    if (!part)
      throw new TrunklineError('invalid_option', { field: 'bulkId', received: show(bulkId), allowed: 'the number of a bulk action' })
    onProgress?.({ done: part.done + part.ids.length, total: part.total })
    if (part.ids.length === 0) break
    onResults(part.results)
  }
}

/**
 * Works through a bulk action from where it stands. Every part is done and noted in one transaction, so that nothing is done
 * twice, whatever crashes.
 * @throws `invalid_option` for an unknown number
 */
export async function runBulk(database: Database, names: Names, bulkId: string, options: RunOptions = {}): Promise<BulkSum> {
  await runParts(database, names, bulkId, options, () => {})
  const { total, done, accepted } = await sumOf(database, bulkId)
  return { total, accepted, skipped: done - accepted }
}

async function sumOf(
  database: Database,
  bulkId: string,
): Promise<{ total: number; done: number; accepted: number; ended_at: Date | null }> {
  const [sum] = await database.run<any>(sumStatement, [bulkId])
  return sum ?? { total: 0, done: 0, accepted: 0, ended_at: null }
}

/** Keeps a bulk action and works through it at once; in an open transaction all of it belongs to that. */
export async function runKept(database: Database, names: Names, plan: BulkPlan, options: RunOptions = {}): Promise<BulkReport> {
  const bulkId = await storeBulk(database, names, plan)
  const results: JobAnswer[] = []
  await runParts(database, names, bulkId, options, (part) => {
    for (const answer of part) results.push(answer)
  })
  const accepted = results.filter((r) => r.ok).length
  const { ended_at: endedAt } = await sumOf(database, bulkId)
  const undoUntil = isUndoable(plan.verb) && accepted > 0 && endedAt ? new Date(endedAt.getTime() + limits.bulkUndoMs) : null
  return { total: plan.ids.length, accepted, skipped: results.length - accepted, byState: {}, ids: [], results, bulkId, undoUntil }
}

/** As {@link import('./bulk.ts').bulk}, but kept, so that it can be undone. @throws as that */
export async function bulkKept(
  database: Database,
  names: Names,
  verb: BulkVerb,
  target: BulkTarget,
  options: BulkOptions,
): Promise<BulkReport> {
  const { ids } = await selectBulk(database, names, verb, target, options)
  return await runKept(database, names, { ...options, verb, ids }, options)
}

/**
 * Undoes a bulk action: each job that is still as the action left it is put back, the others answer why not.
 * @throws as {@link undoableIds}
 */
export async function undoBulk(
  database: Database,
  names: Names,
  bulkId: string,
  { by, within = null, ...options }: UndoOptions & RunOptions = {},
): Promise<BulkReport> {
  const ids = await undoableIds(database, bulkId)
  return await runKept(database, names, { verb: 'undo', undo: bulkId, ids, within, ...(by === undefined ? {} : { by }) }, options)
}
