import { show, TrunklineError } from '@trunkline/contract'
import { numbers } from '../postgres/arrays.ts'
import { type Database, withinTransaction } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { JobAnswer } from './answers.ts'
import { type BulkOptions, type BulkVerb, unseen, verbFor } from './bulk.ts'
import type { Names } from './names.ts'
import { withPartitions } from './partitions.ts'
import { visibleIds } from './show.ts'
import type { Within } from './within.ts'

const insertStatement = statement(import.meta.url, 'insert-bulk.sql')
const bindStatement = statement(import.meta.url, 'bind-bulk.sql')
const nextStatement = statement(import.meta.url, 'next-of-bulk.sql')
const storeStatement = statement(import.meta.url, 'store-bulk-results.sql')
const sumStatement = statement(import.meta.url, 'sum-of-bulk.sql')

/** Jobs of one transaction. */
const partSize = 500

/** What a bulk action that runs as a job is given. */
export interface BulkPlan extends Pick<BulkOptions, 'changes' | 'rerun' | 'by' | 'within'> {
  verb: BulkVerb
  /** The selection, frozen: of a dry run. */
  ids: readonly string[]
}

/** Keeps a bulk action for a job that works through it later. Answers its number. */
export async function storeBulk(database: Database, names: Names, plan: BulkPlan): Promise<string> {
  const { verb, ids, by = null, within = null, changes, rerun } = plan
  const options = { ...(changes ? { changes } : {}), ...(rerun ? { rerun } : {}) }
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
  verb: BulkVerb
  options: Pick<BulkOptions, 'changes' | 'rerun'>
  within: Within | null
  by_whom: string | null
  done: number
  total: number
  ids: string[]
}

async function runPart(database: Database, names: Names, bulkId: string): Promise<Part | null> {
  return await withPartitions(database, () =>
    database.transaction(async (tx) => {
      const inside = withinTransaction(database, tx)
      const [part] = await inside.run<Part>(nextStatement, [bulkId, partSize])
      if (!part || part.ids.length === 0) return part ?? null
      const run = await verbFor(inside, names, part.verb, { ...part.options, ...(part.by_whom === null ? {} : { by: part.by_whom }) })
      const visible = await visibleIds(inside, part.ids, part.within)
      const able = part.ids.filter((id) => visible.has(id))
      const answers = new Map((able.length === 0 ? [] : await run(able)).map((answer) => [answer.jobId, answer]))
      const results: JobAnswer[] = part.ids.map((id) => answers.get(id) ?? unseen(id))
      await inside.run(storeStatement, [bulkId, JSON.stringify(results)])
      return part
    }, 'walk'),
  )
}

/** How a bulk action ended. */
export interface BulkSum {
  total: number
  accepted: number
  skipped: number
}

/**
 * Works through a bulk action from where it stands. Every part is done and noted in one transaction, so that nothing is done
 * twice, whatever crashes.
 * @throws `invalid_option` for an unknown number
 */
export async function runBulk(
  database: Database,
  names: Names,
  bulkId: string,
  { onProgress, signal }: Pick<BulkOptions, 'onProgress' | 'signal'> = {},
): Promise<BulkSum> {
  while (!signal?.aborted) {
    const part = await runPart(database, names, bulkId)
    if (!part)
      throw new TrunklineError('invalid_option', { field: 'bulkId', received: show(bulkId), allowed: 'the number of a bulk action' })
    onProgress?.({ done: part.done + part.ids.length, total: part.total })
    if (part.ids.length === 0) break
  }
  const [sum] = await database.run<{ total: number; done: number; accepted: number }>(sumStatement, [bulkId])
  const { total = 0, done = 0, accepted = 0 } = sum ?? {}
  return { total, accepted, skipped: done - accepted }
}
