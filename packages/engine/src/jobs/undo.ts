import { limits, TrunklineError } from '@trunkline/contract'
import { numbers, texts } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { answerOf, type JobAnswer } from './answers.ts'
import { plainLane } from './gate-keys.ts'
import { checkJobId, type Names } from './names.ts'
import { type CheckedChanges, type JobChanges, type KeptOfUpdate, readChanges } from './update.ts'

const undoableStatement = statement(import.meta.url, 'undoable.sql')
const keptStatement = statement(import.meta.url, 'kept-before.sql')
const verbStatement = statement(import.meta.url, 'bulk-verb.sql')
const lockStatement = statement(import.meta.url, 'lock-for-retry.sql')
const uncancelStatement = statement(import.meta.url, 'uncancel.sql')
const takeOutStatement = statement(import.meta.url, 'take-out.sql')
const putBackStatement = statement(import.meta.url, 'put-back.sql')
const retagBackStatement = statement(import.meta.url, 'retag-back.sql')

/** Why a verb is not undone. */
const whyNot: Record<string, string> = {
  retry: 'a retry may have started its jobs already; cancel those that wait: trunkline jobs cancel',
  rerun: 'its new jobs are jobs of their own; cancel those that wait: trunkline jobs cancel',
  promote: 'its jobs may have started already; give those that wait another time: trunkline jobs update --set-run-at',
  delete: 'what was deleted is on its way out of the history; re-create it with the payload that is in your own records',
  undo: 'do what it undid once more',
}

/** Can this verb be undone at all? */
export const isUndoable = (verb: string): boolean => verb === 'cancel' || verb === 'update'

function refuse(bulkId: string, problem: string, advice: string): never {
  throw new TrunklineError('undo_refused', { field: 'bulkId', bulk: bulkId, problem, advice })
}

/**
 * The jobs that a bulk action changed, where it can be undone. It may be undone again: what was put back then answers for itself.
 * @throws `bulk_not_found`; `undo_refused` where its verb is not undone, it still runs, or ended more than 5 minutes ago
 */
export async function undoableIds(database: Database, bulkId: string): Promise<string[]> {
  const [row] = await database.run<any>(undoableStatement, [checkJobId(bulkId, 'bulkId'), limits.bulkUndoMs])
  if (!row) throw new TrunklineError('bulk_not_found', { field: 'bulkId', received: bulkId })
  if (!isUndoable(row.verb)) refuse(bulkId, `the verb ${row.verb} is not undone`, `Of ${row.verb}: ${whyNot[row.verb]}.`)
  if (row.busy) refuse(bulkId, 'its job has not ended yet', 'Wait for the end of its job, or cancel that first.')
  if (row.late) refuse(bulkId, `it could be undone until ${row.until.toISOString()}`, 'Change its jobs by a bulk call of their own.')
  return row.ids
}

type Back = Map<string, object>

async function uncancel(database: Database, ids: readonly string[], back: Back): Promise<JobAnswer[]> {
  const able = ids.filter((id) => back.has(id))
  const rows = await database.transaction(async (tx) => {
    await database.run(lockStatement, [numbers(able)], tx)
    return await database.run<{ id: string; was: string }>(uncancelStatement, [JSON.stringify(able.map((id) => back.get(id)))], tx)
  }, 'walk')
  const was = new Map(rows.map((row) => [row.id, row.was]))
  return ids.map((id) => {
    const place = was.get(id) ?? 'asked to end'
    return answerOf('restored', id, place, place === 'restored' ? 'restored' : undefined)
  })
}

interface Taken {
  id: number
  place: string
  queue_id: number
  lane: number
  own_lane: number
  attempt: number
  run_at: string | null
  why: number
}

const waiting = new Set(['ready', 'scheduled', 'debounce', 'blocked'])

/** Is a job still as the update left it? */
function isAsLeft({ place, queue_id, own_lane, run_at }: Taken, { queueId, priority, runAt }: CheckedChanges): boolean {
  if (queueId !== null && queue_id !== queueId) return false
  if (priority !== null && plainLane(own_lane) !== priority) return false
  if (runAt === null) return true
  return place === 'ready' ? new Date(runAt) <= new Date() : new Date(run_at ?? 0).getTime() === new Date(runAt).getTime()
}

/** Where a job goes that was taken out: back to what it was before, or, where somebody has changed it since, to where it stood. */
function placeOf(taken: Taken, before: KeptOfUpdate | null, { queueId, priority, runAt }: CheckedChanges): object {
  const { id, lane, attempt, place } = taken
  const timed = place === 'ready' ? null : taken.run_at
  return {
    ...{ id, lane, attempt },
    q: before && queueId !== null ? before.queue_id : taken.queue_id,
    p: before && priority !== null ? before.own_lane : taken.own_lane,
    due: before && runAt !== null ? before.run_at : timed,
    why: before && runAt !== null ? before.why : taken.why,
    moved: before !== null && (queueId !== null || priority !== null),
    blocked: place === 'blocked',
  }
}

async function restoreUpdated(database: Database, ids: readonly string[], back: Back, changes: CheckedChanges): Promise<JobAnswer[]> {
  const { queueId, priority, runAt, tags } = changes
  const was = new Map<string, string>(ids.map((id) => [id, 'gone']))
  await database.transaction(async (tx) => {
    if (queueId !== null || priority !== null || runAt !== null) {
      const [row] = await database.run<{ taken: Taken[] }>(takeOutStatement, [numbers(ids)], tx)
      const places: object[] = []
      for (const taken of row?.taken ?? []) {
        const id = String(taken.id)
        const before = (isAsLeft(taken, changes) ? back.get(id) : undefined) ?? null
        was.set(id, waiting.has(taken.place) ? (before ? 'restored' : 'changed') : taken.place)
        if (waiting.has(taken.place)) places.push(placeOf(taken, before, changes))
      }
      await database.run(putBackStatement, [JSON.stringify(places)], tx)
    }
    if (tags === null) return
    const onlyTags = queueId === null && priority === null && runAt === null
    const able = ids.filter((id) => onlyTags || was.get(id) === 'restored')
    const list = able.map((id) => ({ id, tags: (back.get(id) as KeptOfUpdate | undefined)?.tags ?? [] }))
    const rows = await database.run<{ id: string }>(retagBackStatement, [JSON.stringify(list), texts(tags)], tx)
    if (!onlyTags) return
    for (const id of ids) was.set(id, 'changed')
    for (const { id } of rows) was.set(id, 'restored')
  }, 'walk')
  return ids.map((id) => {
    const place = was.get(id) ?? 'gone'
    return answerOf('restored', id, place, place === 'restored' ? 'restored' : undefined)
  })
}

/** Puts many jobs back to what they were before a bulk action; each that was touched since is left as it is, and says so. */
export async function undoMany(database: Database, names: Names, bulkId: string, ids: readonly string[]): Promise<JobAnswer[]> {
  const [of] = await database.run<{ verb: string; options: { changes?: JobChanges } }>(verbStatement, [bulkId])
  const rows = await database.run<{ id: string; before: object }>(keptStatement, [bulkId, numbers(ids)])
  const back: Back = new Map(rows.map((row) => [row.id, row.before]))
  if (of?.verb === 'update') return await restoreUpdated(database, ids, back, await readChanges(names, of.options.changes ?? {}))
  return await uncancel(database, ids, back)
}
