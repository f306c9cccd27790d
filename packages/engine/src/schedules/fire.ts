import { fillPayload, isTrunklineError, jitterOf, type Rhythm, type Slots, slotsOf, slotValues } from '@trunkline/contract'
import { cancelMany } from '../jobs/cancel.ts'
import { type NewJob, storeMixed } from '../jobs/enqueue.ts'
import { laneOf, readGateKeys } from '../jobs/gate-keys.ts'
import type { Names } from '../jobs/names.ts'
import { numbers, texts } from '../postgres/arrays.ts'
import { type Database, type Queryable, withinTransaction } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkInput } from '../templates/input-schema.ts'
import { type JobSettings, mergePayload } from '../templates/settings.ts'

const sourcesStatement = statement(import.meta.url, 'sources.sql')
const recordStatement = statement(import.meta.url, 'record-slots.sql')
const bindStatement = statement(import.meta.url, 'bind-jobs.sql')

/** A schedule that was taken for the length of a transaction, as `due.sql` answers it. */
export interface TakenSchedule {
  readonly id: string
  readonly name: string
  readonly payload: unknown
  readonly options: JobSettings
  readonly rhythm: Rhythm
  readonly missed: MissedPolicy
  readonly overlap: OverlapPolicy
  readonly jitter_ms: number
  readonly is_enabled: boolean
  readonly paused_at: Date | null
  readonly paused_until: Date | null
  readonly skip_slot: Date | null
  readonly handled_to: Date
  readonly created_at: Date
  readonly version: number
  readonly now: Date
}

/**
 * What becomes of slots that nobody fired in time: none of them, the last one (default), or all of a window, at most `max` (the
 * latest ones).
 */
export interface MissedPolicy {
  readonly policy: 'skip' | 'last' | 'all'
  /** Default 24 h. Only with `all`. */
  readonly windowMs?: number
  /** Default 100, at most 1000. Only with `all`. */
  readonly max?: number
}

/** What becomes of a slot while an earlier run has not ended. */
export type OverlapPolicy = 'allow' | 'skip' | 'queue' | 'cancel'

/** What jobs of a schedule are made of. */
export interface Source {
  readonly id: string
  readonly task_id: number
  readonly queue: string
  readonly priority: number
  readonly max_attempts: number
  readonly timeout_ms: number | null
  readonly template_id: string | null
  readonly template_version: number | null
  readonly template_payload: unknown
  readonly template_options: JobSettings | null
  readonly task: string
  /** Schema of its template, and of its task. */
  readonly input_schema: unknown
  readonly task_schema: unknown
  readonly open_jobs: string[]
  readonly waiting: Date | null
}

/** What is to become of a slot. */
export interface PlannedSlot {
  readonly schedule: TakenSchedule
  /** ms, or text of more digits for a manual run. */
  readonly at: number
  readonly manual: boolean
  readonly state: 'fired' | 'waiting' | 'skipped'
  readonly reason: string | null
}

const known = new Map<string, Slots>()

/** The slots of a stored schedule; the same ones are read once. */
export function slotsOfSchedule(schedule: Pick<TakenSchedule, 'id' | 'version' | 'rhythm' | 'created_at'>): Slots {
  const key = `${schedule.id} ${schedule.version}`
  let slots = known.get(key)
  if (!slots) {
    slots = slotsOf(schedule.rhythm, Math.floor(schedule.created_at.getTime() / 1000) * 1000)
    if (known.size >= 20_000) known.clear()
    known.set(key, slots)
  }
  return slots
}

/** Sources by schedule. */
export async function readSources(database: Database, ids: readonly string[], tx: Queryable): Promise<Map<string, Source>> {
  const rows = await database.run<Source>(sourcesStatement, [`{${ids.join(',')}}`], tx)
  return new Map(rows.map((row) => [row.id, row]))
}

/** What the job of a slot gets. @throws `invalid_payload` where the template of the schedule does not allow it */
function payloadOf({ schedule, at }: PlannedSlot, source: Source): unknown {
  const { rhythm, id, name } = schedule
  const values = slotValues(at, slotsOfSchedule(schedule).zone.offsetAt(at), { timezone: rhythm.timezone ?? 'UTC', name, id })
  const payload = fillPayload(mergePayload(source.template_payload, schedule.payload), values)
  if (source.input_schema != null) checkInput(payload, { task: source.task, schemas: [source.input_schema, source.task_schema] })
  return payload
}

/** Leaves out slots of the rhythm whose payload their template does not allow; for what a person asks for it is refused. */
function withPayloads(planned: readonly PlannedSlot[], sources: ReadonlyMap<string, Source>): { slot: PlannedSlot; payload: unknown }[] {
  return planned.map((slot) => {
    if (slot.state !== 'fired') return { slot, payload: null }
    try {
      return { slot, payload: payloadOf(slot, sources.get(slot.schedule.id) as Source) }
    } catch (error) {
      if (slot.manual || slot.reason === 'backfill' || !isTrunklineError(error, 'invalid_payload')) throw error
      return { slot: { ...slot, state: 'skipped', reason: 'invalid_payload' }, payload: null }
    }
  })
}

async function jobOf({ schedule, at, manual }: PlannedSlot, payload: unknown, source: Source, names: Names): Promise<NewJob> {
  const { id, name, jitter_ms: jitterMs } = schedule
  const options: JobSettings = { ...source.template_options, ...schedule.options }
  const gateKeys = readGateKeys(options)
  const jitter = manual ? 0 : jitterOf(id, at, jitterMs)
  return {
    queueId: await names.queueId(options.queue ?? source.queue),
    taskId: source.task_id,
    priority: laneOf(options.priority ?? source.priority, gateKeys),
    maxAttempts: options.maxAttempts ?? source.max_attempts,
    runAt: jitter > 0 ? new Date(at + jitter).toISOString() : null,
    delayMs: null,
    timeoutMs: options.timeoutMs ?? source.timeout_ms,
    createdBy: `schedule:${name}`,
    tags: options.tags && options.tags.length > 0 ? options.tags : null,
    keys: null,
    gateKeys,
    rerunOf: null,
    trace: null,
    payload: JSON.stringify(payload),
  }
}

const times = (values: readonly number[]) => `{${values.map((ms) => `"${new Date(ms).toISOString()}"`).join(',')}}`

/** Options of {@link fire}. */
export interface FireOptions {
  /** Who asked, for people. */
  by?: string | null
  /** States of slots that are there already and give way. Default: those that wait. */
  over?: readonly string[]
}

/**
 * Records slots and makes the jobs of those that fire, within the caller's transaction. The slot is the key: one that was recorded
 * before makes no second job, whoever comes.
 * @returns how many were recorded, and the jobs that were made
 * @throws `invalid_payload` where somebody asked for the run, and the template does not allow its payload; a slot of the rhythm is skipped then
 */
export async function fire(
  database: Database,
  names: Names,
  asked: readonly PlannedSlot[],
  sources: ReadonlyMap<string, Source>,
  tx: Queryable,
  { by = null, over = ['waiting'] }: FireOptions = {},
): Promise<{ recorded: number; jobs: string[] }> {
  if (asked.length === 0) return { recorded: 0, jobs: [] }
  const filled = withPayloads(asked, sources)
  const planned = filled.map(({ slot }) => slot)
  const recorded = await database.run<{ schedule_id: string; slot_at: Date; manual: boolean }>(
    recordStatement,
    [
      `{${planned.map((p) => p.schedule.id).join(',')}}`,
      times(planned.map((p) => p.at)),
      `{${planned.map((p) => p.manual).join(',')}}`,
      texts(planned.map((p) => p.state)),
      texts(planned.map((p) => p.reason)),
      by,
      texts(over),
    ],
    tx,
  )
  const keyOf = (id: string, at: number, manual: boolean) => `${id} ${at} ${manual}`
  const taken = new Set(recorded.map((row) => keyOf(row.schedule_id, row.slot_at.getTime(), row.manual)))
  const fresh = filled.filter(({ slot: p }) => p.state === 'fired' && taken.has(keyOf(p.schedule.id, p.at, p.manual)))
  const firing = fresh.map(({ slot }) => slot)
  if (firing.length === 0) return { recorded: recorded.length, jobs: [] }
  const sourceOf = (p: PlannedSlot) => sources.get(p.schedule.id) as Source
  const made: NewJob[] = []
  for (const { slot, payload } of fresh) made.push(await jobOf(slot, payload, sourceOf(slot), names))
  const jobs = await storeMixed(database, made, tx)
  await database.run(
    bindStatement,
    [
      `{${firing.map((p) => p.schedule.id).join(',')}}`,
      times(firing.map((p) => p.at)),
      `{${firing.map((p) => p.manual).join(',')}}`,
      numbers(jobs),
      texts(firing.map((p) => sourceOf(p).template_id)),
      numbers(firing.map((p) => sourceOf(p).template_version)),
    ],
    tx,
  )
  return { recorded: recorded.length, jobs }
}

/** Cancels runs that have not ended, in the caller's transaction. */
export async function cancelRuns(database: Database, ids: readonly string[], by: string, tx: Queryable): Promise<void> {
  if (ids.length > 0) await cancelMany(withinTransaction(database, tx), ids, by)
}
