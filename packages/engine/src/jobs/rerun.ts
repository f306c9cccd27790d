import { isTerminal, type JobState } from '@trunkline/contract'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { answerOf, type JobAnswer, refusal } from './answers.ts'
import { checkAttempts, checkKeys, checkPriority } from './check-options.ts'
import { type EnqueueOptions, type NewJob, readStart, readTags, storeMixed } from './enqueue.ts'
import { type GateKeys, laneOf } from './gate-keys.ts'
import { jsonText } from './json-text.ts'
import { checkJobId, type Names } from './names.ts'
import { withPartitions } from './partitions.ts'
import { readTrace } from './trace.ts'

const sourceStatement = statement(import.meta.url, 'rerun-source.sql')

/** What may differ from the job that is repeated. */
export interface RerunOptions
  extends Pick<EnqueueOptions, 'queue' | 'priority' | 'runAt' | 'delay' | 'maxAttempts' | 'tags' | 'createdBy'> {
  /** Another payload. Default: the same. It is checked by the worker against the schema of the task. */
  payload?: unknown
}

const optionNames = ['payload', 'queue', 'priority', 'runAt', 'delay', 'maxAttempts', 'tags', 'createdBy']

interface Source {
  id: string
  task_id: number
  queue_id: number
  priority: number
  max_attempts: number
  timeout_ms: number | null
  tags: string[] | null
  gate_keys: GateKeys | null
  payload: string
  state: JobState
}

/** @throws `unknown_option`, `invalid_…`, the `payload_…` errors */
async function readRerun(names: Names, options: RerunOptions): Promise<(source: Source) => NewJob> {
  checkKeys(options, optionNames, 'rerun')
  const { priority, maxAttempts, tags, createdBy } = options
  const start = readStart(options)
  const queueId = options.queue === undefined ? null : await names.queueId(options.queue)
  const lane = priority === undefined ? null : -checkPriority(priority)
  const attempts = maxAttempts === undefined ? null : checkAttempts(maxAttempts, 'maxAttempts')
  const newTags = tags === undefined ? null : readTags(tags)
  const payload = 'payload' in options ? jsonText(options.payload, 'payload') : null
  return (source) => ({
    taskId: source.task_id,
    queueId: queueId ?? source.queue_id,
    priority: laneOf(-(lane ?? source.priority), source.gate_keys),
    gateKeys: source.gate_keys,
    maxAttempts: attempts ?? source.max_attempts,
    timeoutMs: source.timeout_ms,
    createdBy: createdBy ?? null,
    tags: newTags ?? source.tags,
    payload: payload ?? source.payload,
    // the key stays with whoever holds it now
    keys: null,
    rerunOf: source.id,
    trace: readTrace(),
    ...start,
  })
}

/** Makes a new job from each ended one; running and waiting ones are refused. */
export async function rerunMany(
  database: Database,
  names: Names,
  ids: readonly string[],
  options: RerunOptions = {},
): Promise<JobAnswer[]> {
  const make = await readRerun(names, options)
  const found = new Map((await database.run<Source>(sourceStatement, [numbers(ids)], 'walk')).map((source) => [source.id, source]))
  const able = [...found.values()].filter((source) => isTerminal(source.state))
  const made = able.length === 0 ? [] : await withPartitions(database, () => storeMixed(database, able.map(make)))
  const newIds = new Map(able.map((source, i) => [source.id, made[i]]))
  return [...new Set(ids)].map((id) => answerOf('rerun', id, found.get(id)?.state ?? 'gone', newIds.get(id)))
}

/**
 * Runs an ended job once more as a new job that is linked to it, with another payload where one is given. The key of the old
 * job is not taken over.
 * @returns the id of the new job
 * @throws `job_not_found`, `wrong_state`, `invalid_job_id`, and what `enqueue` throws for bad options and payloads
 */
export async function rerun(database: Database, names: Names, id: string, options: RerunOptions = {}): Promise<string> {
  const [answer] = await rerunMany(database, names, [checkJobId(id)], options)
  if (answer?.ok) return answer.answer
  const [source] = await database.run<Source>(sourceStatement, [numbers([id])], 'walk')
  throw refusal('rerun', id, source?.state ?? 'gone')
}
