import {
  type CalendarGrid,
  checkRhythm,
  type DstPolicy,
  describeRhythm,
  type FoldPolicy,
  type GapPolicy,
  type Rhythm,
  type SlotException,
  show,
  TrunklineError,
  toMilliseconds,
} from '@trunkline/contract'
import { checkKeys } from '../jobs/check-options.ts'
import { jsonText } from '../jobs/json-text.ts'
import { type JobSettings, readOptionalText, readSettings, readText } from '../templates/settings.ts'
import type { MissedPolicy, OverlapPolicy } from './fire.ts'
import { dueAt } from './scheduler.ts'

/** What may be said of a schedule. Exactly one of `cronExpression`, `intervalMs`, `calendar`, `runAt`; a template or a task. */
export interface ScheduleOptions {
  /** 1 to 200 characters, unique. */
  name: string
  description?: string | null
  templateId?: string | null
  task?: string | null
  /** With a template: its payload with these fields on top. Texts may hold `{{slot}}` and the like. Default: null. */
  payload?: unknown
  /** Queue, attempts, timeout and tags of its jobs. Default: the template's, then the task's. */
  options?: JobSettings
  priority?: number
  cronExpression?: string | null
  intervalMs?: number | null
  calendar?: CalendarGrid | null
  runAt?: Date | string | null
  /** IANA name. Default UTC. */
  timezone?: string
  startsAt?: Date | string | null
  endsAt?: Date | string | null
  /** Default gap `first`, fold `first`. */
  dst?: DstPolicy
  /** Default: the last one. A word alone is its policy. */
  missed?: MissedPolicy | MissedPolicy['policy']
  /** Default `skip`. */
  overlap?: OverlapPolicy
  /** A job starts up to so much later, the same for a slot whenever it is asked. Default 0, at most 24 h. */
  jitterMs?: number
  exceptions?: readonly SlotException[]
  /** Failed runs in a row after which it is paused; 0 = never. Default 5. */
  failureLimit?: number
  /** Default true. */
  isEnabled?: boolean
}

/** The part of it that says when. */
export type RhythmOptions = Pick<
  ScheduleOptions,
  'cronExpression' | 'intervalMs' | 'calendar' | 'runAt' | 'timezone' | 'startsAt' | 'endsAt' | 'dst' | 'exceptions'
>

/** A schedule as people see it. */
export interface ScheduleView {
  id: string
  name: string
  description: string | null
  templateId: string | null
  /** The template's, where it has one. */
  task: string
  queue: string
  payload: unknown
  options: Omit<JobSettings, 'priority'>
  priority: number | null
  cronExpression: string | null
  intervalMs: number | null
  calendar: CalendarGrid | null
  runAt: string | null
  timezone: string
  startsAt: string | null
  endsAt: string | null
  dst: { gap: GapPolicy; fold: FoldPolicy }
  missed: MissedPolicy
  overlap: OverlapPolicy
  jitterMs: number
  exceptions: SlotException[]
  failureLimit: number
  isEnabled: boolean
  /** Null = it runs. */
  paused: { since: Date; until: Date | null; reason: string | null; by: string | null } | null
  /** The slot that will be left out. */
  skipSlot: Date | null
  /** Failed runs in a row. */
  failures: number
  /** Null when there is none any more, or while it is switched off. */
  nextRunAt: Date | null
  lastRun: { slot: Date; jobId: string | null; state: string; firedAt: Date; latenessMs: number } | null
  /** Slots that were left out because nobody was there in time. */
  missedSlots: number
  /** In words. */
  words: string
  version: number
  createdAt: Date
  createdBy: string | null
  updatedAt: Date
  updatedBy: string | null
}

const optionNames = [
  'name',
  'description',
  'templateId',
  'task',
  'payload',
  'options',
  'priority',
  'cronExpression',
  'intervalMs',
  'calendar',
  'runAt',
  'timezone',
  'startsAt',
  'endsAt',
  'dst',
  'missed',
  'overlap',
  'jitterMs',
  'exceptions',
  'failureLimit',
  'isEnabled',
] as const satisfies readonly (keyof ScheduleOptions)[]

export const missedPolicies = ['skip', 'last', 'all'] as const satisfies readonly MissedPolicy['policy'][]
export const overlapPolicies = ['allow', 'skip', 'queue', 'cancel'] as const satisfies readonly OverlapPolicy[]
const dayMs = 86_400_000

const bad = (field: string, received: unknown, allowed: string) =>
  new TrunklineError('invalid_option', { field, received: show(received), allowed })

/** @throws `invalid_option` unless `value` is the id of a template, a schedule: a UUID */
export function checkUuid(value: unknown, field: string): string {
  if (typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) return value.toLowerCase()
  throw bad(field, value, 'a UUID')
}

function whole(value: unknown, field: string, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw bad(field, value, `a whole number from ${least} to ${most}`)
}

function readMissed(given: ScheduleOptions['missed'] = 'last'): MissedPolicy {
  const said = typeof given === 'string' ? { policy: given } : given
  if (typeof said !== 'object' || said === null || !missedPolicies.includes(said.policy)) {
    throw bad('missed', typeof given === 'string' ? given : (given as any)?.policy, missedPolicies.join(', '))
  }
  checkKeys(said, ['policy', 'windowMs', 'max'], 'missed')
  if (said.policy !== 'all') return { policy: said.policy }
  return {
    policy: 'all',
    windowMs: said.windowMs === undefined ? dayMs : toMilliseconds(said.windowMs, 'missed.windowMs'),
    max: whole(said.max ?? 100, 'missed.max', 1, 1000),
  }
}

const timeText = (value: Date | string | null | undefined) => {
  if (value === null || value === undefined) return undefined
  // an invalid Date has no text; the reader of rhythms refuses this one
  return value instanceof Date ? (Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()) : value
}

/** The rhythm of what was said, without what is left out. */
export function rhythmOf(options: RhythmOptions): Rhythm {
  const { cronExpression, intervalMs, calendar, runAt, timezone = 'UTC', startsAt, endsAt, dst, exceptions = [] } = options
  const said = {
    cronExpression: cronExpression ?? undefined,
    intervalMs: intervalMs ?? undefined,
    calendar: calendar ?? undefined,
    runAt: timeText(runAt),
    timezone,
    startsAt: timeText(startsAt),
    endsAt: timeText(endsAt),
    dst: { gap: dst?.gap ?? 'first', fold: dst?.fold ?? 'first' },
    exceptions: exceptions.length > 0 ? exceptions : undefined,
  }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Rhythm
}

/** A checked schedule, as it is stored; ids of template and task are the caller's to look up. */
export interface CheckedSchedule {
  readonly name: string
  readonly description: string | null
  readonly templateId: string | null
  readonly task: string | null
  readonly payload: string
  readonly options: JobSettings
  readonly rhythm: Rhythm
  readonly missed: MissedPolicy
  readonly overlap: OverlapPolicy
  readonly jitterMs: number
  readonly failureLimit: number
  readonly isEnabled: boolean
}

/**
 * Checks what was said of a schedule.
 * @param now by the clock of the database
 * @throws `invalid_schedule`, `schedule_never_runs`, `invalid_option`, `unknown_option`, `invalid_run_at`, the `payload_…` errors
 */
export function readSchedule(given: ScheduleOptions, now: Date): CheckedSchedule {
  checkKeys(given, optionNames, 'a schedule')
  const { templateId = null, task = null, overlap = 'skip', priority } = given
  if ((templateId === null) === (task === null)) {
    throw bad('task', templateId === null ? undefined : 'given together with templateId', 'one of task, templateId')
  }
  if (!overlapPolicies.includes(overlap)) throw bad('overlap', overlap, overlapPolicies.join(', '))
  if (given.isEnabled !== undefined && typeof given.isEnabled !== 'boolean') throw bad('isEnabled', given.isEnabled, 'true, false')
  if (given.exceptions !== undefined && !Array.isArray(given.exceptions)) throw bad('exceptions', given.exceptions, 'a list')
  const rhythm = rhythmOf(given)
  if (given.isEnabled !== false) checkRhythm(rhythm, now.getTime())
  else describeRhythm(rhythm)
  return {
    name: readText(given.name, 'name', 200),
    description: readOptionalText(given.description, 'description'),
    templateId: templateId === null ? null : checkUuid(templateId, 'templateId'),
    task,
    payload: jsonText(given.payload ?? null, 'payload'),
    options: readSettings({ ...given.options, ...(priority === undefined || priority === null ? {} : { priority }) }),
    rhythm,
    missed: readMissed(given.missed),
    overlap,
    jitterMs: whole(given.jitterMs ?? 0, 'jitterMs', 0, dayMs),
    failureLimit: whole(given.failureLimit ?? 5, 'failureLimit', 0, 1000),
    isEnabled: given.isEnabled ?? true,
  }
}

/** A row of `list-schedules.sql` as a {@link ScheduleView}. @param words false leaves them empty: they cost most of it */
export function scheduleView(row: any, words = true): ScheduleView {
  const { priority = null, ...options } = row.options as JobSettings
  const rhythm = row.rhythm as Rhythm
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    templateId: row.template_id,
    task: row.task,
    queue: row.queue,
    payload: row.payload,
    options,
    priority,
    cronExpression: rhythm.cronExpression ?? null,
    intervalMs: rhythm.intervalMs ?? null,
    calendar: rhythm.calendar ?? null,
    runAt: rhythm.runAt ?? null,
    timezone: rhythm.timezone ?? 'UTC',
    startsAt: rhythm.startsAt ?? null,
    endsAt: rhythm.endsAt ?? null,
    dst: { gap: rhythm.dst?.gap ?? 'first', fold: rhythm.dst?.fold ?? 'first' },
    missed: row.missed,
    overlap: row.overlap,
    jitterMs: row.jitter_ms,
    exceptions: [...(rhythm.exceptions ?? [])],
    failureLimit: row.failure_limit,
    isEnabled: row.is_enabled,
    paused: row.paused_at && { since: row.paused_at, until: row.paused_until, reason: row.paused_reason, by: row.paused_by },
    skipSlot: row.skip_slot,
    failures: row.failures,
    nextRunAt: row.is_enabled ? row.next_slot : null,
    lastRun: row.last_slot && {
      slot: row.last_slot,
      jobId: row.last_job,
      state: row.last_state,
      firedAt: row.last_fired,
      latenessMs: Math.max(0, row.last_fired.getTime() - row.last_slot.getTime()),
    },
    missedSlots: row.missed_slots,
    words: words ? describeRhythm(rhythm) : '',
    version: row.version,
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  }
}

/** What a schedule was made of, to make another from it. */
export function optionsOf(view: ScheduleView): ScheduleOptions {
  const { name, description, templateId, payload, options, priority, timezone, startsAt, endsAt, dst, missed, overlap, jitterMs } = view
  const { cronExpression, intervalMs, calendar, runAt, exceptions, failureLimit, isEnabled, task } = view
  return {
    ...{ name, description, templateId, payload, options, timezone, startsAt, endsAt, dst, missed, overlap, jitterMs },
    ...{ cronExpression, intervalMs, calendar, runAt, exceptions, failureLimit, isEnabled },
    task: templateId === null ? task : null,
    ...(priority === null ? {} : { priority }),
  }
}

/** When a schedule in this state is looked at. */
export function dueOf(isEnabled: boolean, view: ScheduleView | null, next: number | null): number | null {
  return dueAt({ is_enabled: isEnabled, paused_at: view?.paused?.since ?? null, paused_until: view?.paused?.until ?? null }, next)
}
