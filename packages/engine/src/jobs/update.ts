import { show, TrunklineError } from '@trunkline/contract'
import { numbers, texts } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { answerOf, type JobAnswer, type Kept, refusal } from './answers.ts'
import { checkKeys, checkPriority } from './check-options.ts'
import { readTags, readTime } from './enqueue.ts'
import { checkJobId, type Names } from './names.ts'

const takeOutStatement = statement(import.meta.url, 'take-out.sql')
const updateStatement = statement(import.meta.url, 'update.sql')
const retagStatement = statement(import.meta.url, 'retag.sql')
const tagsStatement = statement(import.meta.url, 'tags.sql')

/** What can be changed of a waiting job; tags of any job. */
export interface JobChanges {
  /** −100 to 100, higher runs first. */
  priority?: number
  queue?: string
  /** Not before this time; a past one means now. */
  runAt?: Date | string
  /** All of its tags from now on. */
  tags?: readonly string[]
}

/** {@link JobChanges}, checked; null = unchanged. */
export interface CheckedChanges {
  readonly queueId: number | null
  /** Negated, as stored. */
  readonly priority: number | null
  readonly runAt: string | null
  readonly tags: readonly string[] | null
}

/** @throws `unknown_option`, `invalid_option`, `invalid_priority`, `invalid_name`, `invalid_run_at` */
export async function readChanges(names: Names, changes: JobChanges): Promise<CheckedChanges> {
  checkKeys(changes, ['priority', 'queue', 'runAt', 'tags'], 'a change of a job')
  if (Object.values(changes).every((value) => value === undefined)) {
    throw new TrunklineError('invalid_option', {
      field: 'changes',
      received: show(changes),
      allowed: 'at least one of priority, queue, runAt, tags',
    })
  }
  const { priority, queue, runAt, tags } = changes
  return {
    priority: priority === undefined ? null : -checkPriority(priority),
    runAt: runAt === undefined ? null : readTime(runAt, 'runAt').toISOString(),
    tags: tags === undefined ? null : readTags(tags),
    queueId: queue === undefined ? null : await names.queueId(queue),
  }
}

const changed: Record<string, string> = { ready: 'updated', scheduled: 'updated', debounce: 'updated', blocked: 'updated' }

/** What an update keeps of a job: where it waited, where that was changed, and its tags, where they were. */
export interface KeptOfUpdate {
  place?: string
  queue_id?: number
  own_lane?: number
  run_at?: string | null
  why?: number
  tags?: string[]
}

async function change(
  database: Database,
  ids: readonly string[],
  changes: CheckedChanges,
  kept?: Kept,
): Promise<{ id: string; was: string }[]> {
  const { queueId, priority, runAt, tags } = changes
  return await database.transaction(async (tx) => {
    const tagsBefore = new Map<string, string[]>()
    if (kept && tags !== null) {
      for (const row of await database.run<{ id: string; tags: string[] }>(tagsStatement, [numbers(ids)], tx))
        tagsBefore.set(row.id, row.tags)
    }
    const keep = (id: string, more: KeptOfUpdate = {}) => {
      const before = tagsBefore.get(id)
      kept?.set(id, { ...more, ...(before === undefined ? {} : { tags: before }) })
    }
    let found: { id: string; was: string }[] | null = null
    if (queueId !== null || priority !== null || runAt !== null) {
      const [row] = await database.run<{ taken: ({ id: number; place: string } & KeptOfUpdate)[] }>(takeOutStatement, [numbers(ids)], tx)
      const taken = row?.taken ?? []
      await database.run(updateStatement, [JSON.stringify(taken), queueId, priority, runAt], tx)
      found = taken.map(({ id, place }) => ({ id: String(id), was: place }))
      for (const before of taken) if (changed[before.place]) keep(String(before.id), before)
    }
    if (tags === null) return found ?? []
    const taggable = found === null ? ids : found.filter((f) => changed[f.was]).map((f) => f.id)
    const rows = await database.run<{ id: string }>(retagStatement, [numbers(taggable), texts(tags)], tx)
    const tagged = new Set(rows.map((row) => row.id))
    if (found === null) for (const id of tagged) keep(id)
    return found ?? [...new Set(ids)].map((id) => ({ id, was: tagged.has(id) ? 'ready' : 'gone' }))
  }, 'walk')
}

/** Changes many jobs in one transaction; where only tags change, in any state. @param kept gets what puts each of them back */
export async function updateMany(database: Database, ids: readonly string[], changes: CheckedChanges, kept?: Kept): Promise<JobAnswer[]> {
  return (await change(database, ids, changes, kept)).map(({ id, was }) => answerOf('updated', id, was, changed[was]))
}

/**
 * Changes priority, queue or time of a waiting job, or the tags of any. With another priority or queue it goes to its natural
 * place there.
 * @throws `job_not_found`, `wrong_state`, `invalid_job_id`, and what {@link readChanges} throws
 */
export async function update(database: Database, names: Names, id: string, changes: JobChanges): Promise<void> {
  checkJobId(id)
  const [row] = await change(database, [id], await readChanges(names, changes))
  const was = row?.was ?? 'gone'
  if (!changed[was]) throw refusal('updated', id, was)
}
