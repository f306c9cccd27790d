import { didYouMean, fillPayload, show, slotsOf, slotValues, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { checkKeys } from '../jobs/check-options.ts'
import { readTime } from '../jobs/enqueue.ts'
import type { Names } from '../jobs/names.ts'
import { withPartitions } from '../jobs/partitions.ts'
import type { PauseOptions } from '../jobs/pause.ts'
import { type Within, withinJson } from '../jobs/within.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkInput } from '../templates/input-schema.ts'
import { mergePayload, readOptionalText } from '../templates/settings.ts'
import { type FoundTemplate, findWithSchemas } from '../templates/templates.ts'
import { type CalendarAnswer, type CalendarOptions, calendarOf } from './calendar.ts'
import { fire, type PlannedSlot, readSources, type Source, slotsOfSchedule, type TakenSchedule } from './fire.ts'
import { type Preview, type PreviewOptions, previewOf } from './preview.ts'
import {
  type CheckedSchedule,
  checkUuid,
  dueOf,
  optionsOf,
  readSchedule,
  type ScheduleOptions,
  type ScheduleView,
  scheduleView,
} from './schedule.ts'

const listStatement = statement(import.meta.url, 'list-schedules.sql')
const saveStatement = statement(import.meta.url, 'save-schedule.sql')
const deleteStatement = statement(import.meta.url, 'delete-schedule.sql')
const steerStatement = statement(import.meta.url, 'steer-schedule.sql')
const takeStatement = statement(import.meta.url, 'take.sql')
const runsStatement = statement(import.meta.url, 'runs.sql')
const recordedStatement = statement(import.meta.url, 'recorded.sql')
const nowStatement = statement(import.meta.url, 'now.sql')
const durationsStatement = statement(import.meta.url, 'durations.sql')

/** Whose schedules, and who asks. */
export interface AskOptions {
  within?: Within | null
}

/** A page of schedules, by name. */
export interface ScheduleListOptions extends AskOptions {
  templateId?: string
  /** The last name of the page before. */
  after?: string
  /** Default 50, at most 10,000. */
  limit?: number
}

/** What became of a slot. */
export interface ScheduleRun {
  slot: Date
  /** Somebody asked for it, outside the rhythm. */
  isManual: boolean
  /** `pending`, `running`, `completed`, `failed`, `cancelled` of its job; `waiting` for an earlier run; `skipped`. */
  state: string
  /** Why it was skipped or waits: `overlap`, `skip_next`, `invalid_payload` (the schema of its template has changed); `backfill`, `waited`. */
  reason: string | null
  jobId: string | null
  /** When the slot was dealt with, and how much after its time. */
  firedAt: Date
  latenessMs: number
  startedAt: Date | null
  finishedAt: Date | null
  durationMs: number | null
  error: string | null
  by: string | null
}

/** A past range to be made up for. */
export interface BackfillOptions extends AskOptions {
  from: Date | string
  /** Not included. At most now. */
  to: Date | string
  /** Only counts. */
  dryRun?: boolean
  by?: string
}

/** What a backfill did, or would do. */
export interface Backfill {
  /** Slots of the range. */
  slots: number
  /** Of these: they have a job already. */
  existing: number
  /** Jobs that were made, or would be. */
  jobs: number
  dryRun: boolean
}

/** Most slots of one backfill. */
const mostBackfilled = 10_000
const backfillStep = 500

/** Schedules, as `trunkline.schedules`. An id may be the name as well. */
export interface Schedules {
  /**
   * @throws `invalid_schedule`, `schedule_never_runs`, `invalid_option`, `unknown_option`, `unknown_task`, `template_not_found`, `name_taken`, `invalid_payload` where its
   * template does not allow what it says …
   * @example await trunkline.schedules.create({ name: 'nightly', task: 'report', cronExpression: '30 2 * * *', timezone: 'Europe/Berlin' })
   */
  create(options: ScheduleOptions, by?: string): Promise<ScheduleView>
  /** Replaces everything that is said of it. @param expected refuse when it has another version @throws as `create`, `schedule_not_found`, `schedule_changed` */
  update(id: string, options: ScheduleOptions, extra?: AskOptions & { by?: string; expected?: number }): Promise<ScheduleView>
  /** Changes only what is given. @throws as `update` */
  edit(id: string, changes: Partial<ScheduleOptions>, extra?: AskOptions & { by?: string; expected?: number }): Promise<ScheduleView>
  /** @throws `schedule_not_found` */
  get(id: string, options?: AskOptions): Promise<ScheduleView>
  list(options?: ScheduleListOptions): Promise<ScheduleView[]>
  /** Its jobs stay. @throws `schedule_not_found` */
  delete(id: string, extra?: AskOptions & { by?: string }): Promise<void>
  /** Fires nothing until its end, or until it is resumed. @throws `schedule_not_found`, `invalid_option`, `invalid_run_at`, `invalid_duration` */
  pause(id: string, options?: PauseOptions & AskOptions): Promise<ScheduleView>
  /** Slots of the pause are treated as missed ones. @throws `schedule_not_found` */
  resume(id: string, extra?: AskOptions & { by?: string }): Promise<ScheduleView>
  /** Leaves out the next slot. @throws `schedule_not_found`, `schedule_never_runs` when there is none */
  skipNext(id: string, extra?: AskOptions & { by?: string }): Promise<ScheduleView>
  /** Makes a job at once; the rhythm stays as it is. @throws `schedule_not_found` */
  run(id: string, extra?: AskOptions & { by?: string }): Promise<{ jobId: string; slot: Date }>
  /** Makes the jobs of a past range; slots that have one are left alone. @throws `schedule_not_found`, `invalid_option`, `batch_too_large` */
  backfill(id: string, options: BackfillOptions): Promise<Backfill>
  /** The same under another name, switched off unless it is asked for otherwise. @throws as `create` */
  clone(id: string, options?: AskOptions & { name?: string; isEnabled?: boolean; by?: string }): Promise<ScheduleView>
  /** The last runs, the latest first. @throws `schedule_not_found` */
  runs(id: string, options?: AskOptions & { before?: Date | string; limit?: number }): Promise<ScheduleRun[]>
  /** What a rhythm means, before it is saved. @throws as `create` */
  preview(options: PreviewOptions): Promise<Preview>
  /** Every firing of all schedules in a window. @throws `invalid_option`, `invalid_run_at` */
  calendar(options: CalendarOptions & AskOptions): Promise<CalendarAnswer>
}

const isUuid = (id: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)

/** A page length. @throws `invalid_option` */
function checkLimit(limit: unknown, most: number): number {
  if (Number.isInteger(limit) && (limit as number) >= 1 && (limit as number) <= most) return limit as number
  throw new TrunklineError('invalid_option', { field: 'limit', received: show(limit), allowed: `a whole number from 1 to ${most}` })
}

/** Does what a schedule says fit its template, with the values of a slot? @throws `invalid_payload` */
function checkFilled({ payload, rhythm, name }: CheckedSchedule, { template, schemas }: FoundTemplate, at: number): void {
  if (schemas.length === 0) return
  const values = slotValues(at, 0, { timezone: rhythm.timezone ?? 'UTC', name, id: template.id })
  checkInput(fillPayload(mergePayload(template.payload, JSON.parse(payload)), values), { task: template.task, schemas })
}

/** A unique name that is taken, told as ours. */
function explained(error: unknown, name: string, what: string): unknown {
  const { code, constraint = '' } = error as { code?: string; constraint?: string }
  return code === '23505' && /_name_key$/.test(constraint)
    ? new TrunklineError('name_taken', { field: 'name', what, received: show(name) })
    : error
}

/** Makes {@link Schedules} of one database; within a transaction where `database` stands for one. */
export function createSchedules(database: Database, names: Names): Schedules {
  async function now(): Promise<Date> {
    const [row] = await database.run<{ now: Date }>(nowStatement, [])
    return (row as { now: Date }).now
  }

  async function rowsOf(at: { id?: string; name?: string; templateId?: string; after?: string; limit?: number }, within?: Within | null) {
    const values = [at.id ?? null, at.name ?? null, at.templateId ?? null, at.after ?? null, at.limit ?? 1, withinJson(within)]
    return await database.run(listStatement, values)
  }

  async function get(id: string, { within }: AskOptions = {}): Promise<ScheduleView> {
    const by = typeof id === 'string' && isUuid(id) ? { id } : { name: String(id).slice(0, 200) }
    const [row] = await rowsOf(by, within)
    if (row) return scheduleView(row)
    const known = by.id ? [] : (await rowsOf({ limit: 1000 }, within)).map((r) => r.name as string)
    throw new TrunklineError('schedule_not_found', { field: 'id', received: show(id), meant: by.id ? '' : didYouMean(id, known) })
  }

  async function save(
    options: ScheduleOptions,
    before: ScheduleView | null,
    by: string | null,
    expected: number | null,
  ): Promise<ScheduleView> {
    const at = await now()
    const made = readSchedule(options, at)
    const found = made.templateId === null ? null : await findWithSchemas(database, made.templateId)
    const template = found?.template ?? null
    const task = made.task === null ? null : await names.task(made.task)
    const isSame =
      before !== null && JSON.stringify(made.rhythm) === JSON.stringify(readSchedule({ ...optionsOf(before), isEnabled: false }, at).rhythm)
    const anchor = before?.createdAt ?? at
    // switched on again, or with another rhythm, it begins now: what lies before is not missed
    const keeps = isSame && before.isEnabled
    const row = keeps ? (await rowsOf({ id: before.id }))[0] : null
    const handledTo: Date = row?.handled_to ?? at
    const next = slotsOf(made.rhythm, Math.floor(anchor.getTime() / 1000) * 1000).next(handledTo.getTime())
    if (found) checkFilled(made, found, next ?? at.getTime())
    const due = dueOf(made.isEnabled, before, next)
    const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
    const values = [
      before?.id ?? null,
      made.name,
      made.description,
      template?.id ?? null,
      task?.id ?? null,
      made.payload,
      JSON.stringify(made.options),
      JSON.stringify(made.rhythm),
      JSON.stringify(made.missed),
      made.overlap,
      made.jitterMs,
      made.failureLimit,
      made.isEnabled,
      at.toISOString(),
      iso(next),
      iso(due),
      by,
      expected,
      handledTo.toISOString(),
    ]
    const [saved] = await database.run<{ id: string }>(saveStatement, values).catch((error) => {
      throw explained(error, made.name, 'schedule')
    })
    if (saved) return await get(saved.id)
    throw new TrunklineError('schedule_changed', { field: 'id', received: show(before?.name ?? made.name) })
  }

  async function steer(
    id: string,
    verb: 'paused' | 'resumed' | 'skips',
    within: Within | null | undefined,
    said: { until?: string | null; forMs?: number | null; reason?: string | null; by?: string | null; slot?: string | null },
  ): Promise<ScheduleView> {
    const found = await get(id, { within: within ?? null })
    const { until = null, forMs = null, reason = null, by = null, slot = null } = said
    await database.run(steerStatement, [found.id, verb, until, forMs, reason, by, slot])
    return await get(found.id)
  }

  /** Runs `work` with a schedule that is locked until its end. */
  async function withTaken<T>(id: string, work: (schedule: TakenSchedule, source: Source, tx: Queryable) => Promise<T>): Promise<T> {
    return await withPartitions(database, () =>
      database.transaction(async (tx) => {
        const [schedule] = await database.run<TakenSchedule>(takeStatement, [id], tx)
        if (!schedule) throw new TrunklineError('schedule_not_found', { field: 'id', received: show(id), meant: '' })
        const source = (await readSources(database, [id], tx)).get(id) as Source
        return await work(schedule, source, tx)
      }, 'walk'),
    )
  }

  async function backfill(id: string, { from, to, dryRun = false, by, within }: BackfillOptions): Promise<Backfill> {
    const view = await get(id, { within: within ?? null })
    const start = readTime(from, 'from').getTime()
    const end = readTime(to, 'to').getTime()
    const until = Math.min(end, (await now()).getTime())
    if (end <= start) throw new TrunklineError('invalid_option', { field: 'to', received: show(to), allowed: 'a time after from' })
    return await withTaken(view.id, async (schedule, source, tx) => {
      const sources = new Map([[schedule.id, source]])
      const found = slotsOfSchedule(schedule).between(start, until, mostBackfilled + 1)
      if (found.length > mostBackfilled)
        throw new TrunklineError('batch_too_large', { received: `more than ${mostBackfilled}`, allowed: mostBackfilled })
      let existing = 0
      let jobs = 0
      for (let i = 0; i < found.length; i += backfillStep) {
        const part = found.slice(i, i + backfillStep)
        const stamps = `{${part.map((ms) => `"${new Date(ms).toISOString()}"`).join(',')}}`
        const there = new Set((await database.run<{ at: number }>(recordedStatement, [schedule.id, stamps], tx)).map((row) => row.at))
        existing += there.size
        const planned = part
          .filter((at) => !there.has(at))
          .map((at): PlannedSlot => ({ schedule, at, manual: false, state: 'fired', reason: 'backfill' }))
        if (dryRun) jobs += planned.length
        else jobs += (await fire(database, names, planned, sources, tx, { by: by ?? null, over: ['skipped', 'waiting'] })).jobs.length
      }
      return { slots: found.length, existing, jobs, dryRun }
    })
  }

  return {
    create: (options, by) => save(options, null, by ?? null, null),
    async update(id, options, { within, by, expected } = {}) {
      return await save(options, await get(id, { within: within ?? null }), by ?? null, expected ?? null)
    },
    async edit(id, changes, { within, by, expected } = {}) {
      const before = await get(id, { within: within ?? null })
      const base: Record<string, unknown> = { ...optionsOf(before) }
      // one kind of rhythm, one source: what is given takes the place of the other
      const kinds = ['cronExpression', 'intervalMs', 'calendar', 'runAt'] as const
      const sources = ['task', 'templateId'] as const
      for (const group of [kinds, sources]) if (group.some((key) => changes[key] != null)) for (const key of group) delete base[key]
      return await save({ ...base, ...changes } as ScheduleOptions, before, by ?? null, expected ?? before.version)
    },
    get,
    async list({ within, templateId, after, limit = 50 } = {}) {
      const at = {
        limit: checkLimit(limit, 10_000),
        ...(templateId ? { templateId: checkUuid(templateId, 'templateId') } : {}),
        ...(after === undefined ? {} : { after }),
      }
      return (await rowsOf(at, within)).map((row) => scheduleView(row))
    },
    async delete(id, { within, by } = {}) {
      const { id: found } = await get(id, { within: within ?? null })
      await database.run(deleteStatement, [found, by ?? null])
    },
    async pause(id, { within, ...options } = {}) {
      checkKeys(options, ['reason', 'until', 'for', 'by'], 'pause')
      if (options.until !== undefined && options.for !== undefined) {
        throw new TrunklineError('invalid_option', { field: 'for', received: 'given together with until', allowed: 'one of until, for' })
      }
      return await steer(id, 'paused', within, {
        until: options.until === undefined ? null : readTime(options.until, 'until').toISOString(),
        forMs: options.for === undefined ? null : toMilliseconds(options.for, 'for'),
        reason: readOptionalText(options.reason, 'reason', 500),
        by: options.by ?? null,
      })
    },
    resume: (id, { within, by } = {}) => steer(id, 'resumed', within, { by: by ?? null }),
    async skipNext(id, { within, by } = {}) {
      const view = await get(id, { within: within ?? null })
      if (!view.nextRunAt) throw new TrunklineError('schedule_never_runs', { field: 'id', problem: 'it has no next time' })
      return await steer(view.id, 'skips', null, { by: by ?? null, slot: view.nextRunAt.toISOString() })
    },
    async run(id, { within, by } = {}) {
      const view = await get(id, { within: within ?? null })
      return await withTaken(view.id, async (schedule, source, tx) => {
        const sources = new Map([[schedule.id, source]])
        // two runs in one ms are two: the schedule is locked, so the next free ms is ours
        for (let at = schedule.now.getTime(); ; at++) {
          const planned: PlannedSlot = { schedule, at, manual: true, state: 'fired', reason: null }
          const { jobs } = await fire(database, names, [planned], sources, tx, { by: by ?? null, over: [] })
          if (jobs[0]) return { jobId: jobs[0], slot: new Date(at) }
        }
      })
    },
    backfill,
    async clone(id, { within, name, isEnabled = false, by } = {}) {
      const view = await get(id, { within: within ?? null })
      return await save({ ...optionsOf(view), name: name ?? `${view.name.slice(0, 190)} (copy)`, isEnabled }, null, by ?? null, null)
    },
    async runs(id, { within, before, limit = 20 } = {}) {
      const view = await get(id, { within: within ?? null })
      const from = before === undefined ? null : readTime(before, 'before').toISOString()
      const rows = await database.run(runsStatement, [view.id, from, checkLimit(limit, 500)], 'walk')
      return rows.map((row) => ({
        slot: row.slot_at,
        isManual: row.manual,
        state: row.state,
        reason: row.reason,
        jobId: row.job_id,
        firedAt: row.fired_at,
        latenessMs: Math.max(0, row.fired_at.getTime() - row.slot_at.getTime()),
        startedAt: row.started_at,
        finishedAt: row.finished_at,
        durationMs: row.duration_ms,
        error: row.state === 'failed' ? (row.error?.message ?? null) : null,
        by: row.by_whom,
      }))
    },
    async preview(options) {
      const { scheduleId, within, ...rest } = options
      const saved = scheduleId === undefined ? null : await get(scheduleId, { within: within ?? null })
      return previewOf(rest, await now(), saved)
    },
    async calendar({ within, ...options }) {
      const all: ScheduleView[] = []
      for (;;) {
        const last = all.at(-1)?.name
        const page = (await rowsOf({ limit: 10_000, ...(last === undefined ? {} : { after: last }) }, within)).map((row) =>
          scheduleView(row, false),
        )
        all.push(...page)
        if (page.length < 10_000) break
      }
      const durations = await database.run<{ task: string; ms: number | null }>(durationsStatement, [])
      return calendarOf(all, options, await now(), new Map(durations.map(({ task, ms }) => [task, ms ?? 0])))
    },
  }
}
