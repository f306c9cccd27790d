import { z } from 'zod'
import { limits } from '../words/limits.ts'
import { anything, flag, instant, json, limit, listOf, name, tags, text, time } from './shapes.ts'

const uuid = z.uuid()
const whole = (least: number, most: number) => z.number().int().min(least).max(most)
const priority = whole(limits.minPriority, limits.maxPriority)

/** Options of jobs that a template or a schedule makes. */
export const jobSettings = z.strictObject({
  queue: name.optional(),
  priority: priority.optional(),
  maxAttempts: whole(1, limits.maxAttempts).optional(),
  timeoutMs: whole(1, limits.durationMs).optional(),
  tags: tags.optional(),
  orderingKey: text(limits.keyLength, 1).optional(),
  concurrencyKey: text(limits.keyLength, 1).optional(),
  rateKey: text(limits.keyLength, 1).optional(),
})

const calendarGrid = z.strictObject({
  minutes: z.array(whole(0, 59)).max(60).optional(),
  hours: z.array(whole(0, 23)).max(24).optional(),
  weekdays: z.array(whole(0, 6)).max(7).optional().meta({ description: '0 is Sunday' }),
  monthDays: z
    .array(z.union([whole(1, 31), z.literal('last')]))
    .max(32)
    .optional(),
  months: z.array(whole(1, 12)).max(12).optional(),
})

const slotException = z.strictObject({ date: text(10).optional(), time: text(5).optional() })

const rhythm = {
  cronExpression: text(1000, 1).optional(),
  intervalMs: whole(1000, limits.durationMs).optional(),
  calendar: calendarGrid.optional().meta({ description: 'A row that is empty or left out means every one' }),
  runAt: time.optional(),
  timezone: text(64, 1).optional(),
  startsAt: time.nullable().optional(),
  endsAt: time.nullable().optional(),
  dst: z
    .strictObject({ gap: z.enum(['skip', 'first', 'shift']).optional(), fold: z.enum(['first', 'second', 'both']).optional() })
    .optional(),
  exceptions: z.array(slotException).max(1000).optional(),
}

const missed = z.union([
  z.enum(['skip', 'last', 'all']),
  z.strictObject({
    policy: z.enum(['skip', 'last', 'all']),
    windowMs: whole(0, limits.durationMs).optional(),
    max: whole(1, 1000).optional(),
  }),
])

/** `POST /jobs/schedules`: a template or a task, and exactly one of cronExpression, intervalMs, calendar, runAt. */
export const newSchedule = z
  .strictObject({
    name: text(200, 1),
    description: text(2000).nullable().optional(),
    templateId: uuid.optional(),
    task: name.optional(),
    payload: json.optional(),
    options: jobSettings.omit({ priority: true }).optional(),
    priority: priority.optional(),
    ...rhythm,
    missed: missed.optional(),
    overlap: z.enum(['allow', 'skip', 'queue', 'cancel']).optional(),
    jitterMs: whole(0, 86_400_000).optional(),
    failureLimit: whole(0, 1000).optional(),
    isEnabled: z.boolean().optional(),
  })
  .meta({ id: 'NewSchedule' })

/** `PUT /jobs/schedules/:id`: all of it anew. */
export const scheduleChange = newSchedule
  .extend({ version: whole(1, 2_147_483_647).optional().meta({ description: 'Refuse the change when it is another by now' }) })
  .meta({ id: 'ScheduleChange' })

/** A schedule. */
export const schedule = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    templateId: z.string().nullable(),
    task: z.string(),
    queue: z.string(),
    payload: anything.optional().meta({ description: 'Where the caller may see it' }),
    options: z.object({
      queue: z.string().optional(),
      maxAttempts: z.number().optional(),
      timeoutMs: z.number().optional(),
      tags: z.array(z.string()).readonly().optional(),
      orderingKey: z.string().optional(),
      concurrencyKey: z.string().optional(),
      rateKey: z.string().optional(),
    }),
    priority: z.number().nullable(),
    cronExpression: z.string().nullable(),
    intervalMs: z.number().nullable(),
    calendar: anything,
    runAt: z.string().nullable(),
    timezone: z.string(),
    startsAt: z.string().nullable(),
    endsAt: z.string().nullable(),
    dst: z.object({ gap: z.string(), fold: z.string() }),
    missed: z.object({ policy: z.string(), windowMs: z.number().optional(), max: z.number().optional() }),
    overlap: z.string(),
    jitterMs: z.number(),
    exceptions: z.array(z.object({ date: z.string().optional(), time: z.string().optional() })),
    failureLimit: z.number(),
    isEnabled: z.boolean(),
    paused: z.object({ since: instant, until: instant.nullable(), reason: z.string().nullable(), by: z.string().nullable() }).nullable(),
    skipSlot: instant.nullable(),
    failures: z.number(),
    nextRunAt: instant.nullable(),
    lastRun: z
      .object({ slot: instant, jobId: z.string().nullable(), state: z.string(), firedAt: instant, latenessMs: z.number() })
      .nullable(),
    missedSlots: z.number(),
    words: z.string(),
    version: z.number(),
    createdAt: instant,
    createdBy: z.string().nullable(),
    updatedAt: instant,
    updatedBy: z.string().nullable(),
  })
  .meta({ id: 'Schedule' })
export const scheduleList = listOf(schedule).meta({ id: 'ScheduleList' })

/** `GET /jobs/schedules`. */
export const scheduleQuery = z.strictObject({
  templateId: uuid.optional(),
  cursor: text(200).optional().meta({ description: 'nextCursor of the page before' }),
  limit: limit(),
})

/** `POST /jobs/schedules/:id/clone`. */
export const scheduleClone = z
  .strictObject({ name: text(200, 1).optional(), isEnabled: z.boolean().optional() })
  .meta({ id: 'ScheduleClone' })

/** `POST /jobs/schedules/:id/run`: the job that was made. */
export const scheduleStarted = z.object({ jobId: z.string(), slot: instant }).meta({ id: 'ScheduleStarted' })

/** `POST /jobs/schedules/:id/backfill`. */
export const backfill = z.strictObject({ from: time, to: time, dryRun: z.boolean().optional() }).meta({ id: 'Backfill' })
export const backfilled = z
  .object({ slots: z.number(), existing: z.number(), jobs: z.number(), dryRun: z.boolean() })
  .meta({ id: 'Backfilled' })

/** `GET /jobs/schedules/:id/runs`. */
export const runQuery = z.strictObject({ before: time.optional(), limit: limit(500, 20) })
export const runList = listOf(
  z
    .object({
      slot: instant,
      isManual: z.boolean(),
      state: z.string(),
      reason: z.string().nullable(),
      jobId: z.string().nullable(),
      firedAt: instant,
      latenessMs: z.number(),
      startedAt: instant.nullable(),
      finishedAt: instant.nullable(),
      durationMs: z.number().nullable(),
      error: z.string().nullable(),
      by: z.string().nullable(),
    })
    .meta({ id: 'ScheduleRun' }),
).meta({ id: 'ScheduleRunList' })

/** `POST /jobs/schedules/preview`. */
export const schedulePreview = z
  .strictObject({ ...rhythm, from: time.optional(), count: whole(1, 500).optional(), scheduleId: uuid.optional() })
  .meta({ id: 'SchedulePreview' })

const mark = z.enum(['gap', 'fold']).nullable()
export const schedulePreviewed = z
  .object({
    words: z.string(),
    timezone: z.string(),
    isElapsed: z.boolean(),
    slots: z.array(z.object({ at: instant, localTime: z.string(), mark, afterMs: z.number().nullable() })),
    clockChanges: z.array(
      z.object({ at: instant, kind: z.string(), localFrom: z.string(), localTo: z.string(), isTouched: z.boolean(), note: z.string() }),
    ),
    difference: z.object({ from: instant, to: instant, added: z.array(instant), removed: z.array(instant), same: z.number() }).nullable(),
  })
  .meta({ id: 'SchedulePreviewed' })

/** `GET /jobs/schedules/calendar`. */
export const calendarQuery = z.strictObject({
  from: time,
  to: time,
  timezone: text(64, 1).optional(),
  limit: limit(50_000, 5000),
  perSchedule: limit(50_000, 50_000).meta({ description: 'Schedules that fire more often are told as dense, not firing by firing' }),
  all: flag.default(false),
})
export const calendar = z
  .object({
    from: instant,
    to: instant,
    timezone: z.string(),
    schedules: z.number(),
    firings: z.array(z.object({ at: instant, localTime: z.string(), scheduleId: z.string(), name: z.string(), task: z.string(), mark })),
    total: z.number(),
    isEstimate: z.boolean(),
    dense: z.array(z.object({ scheduleId: z.string(), name: z.string(), everyMs: z.number(), firings: z.number() })),
    load: z.array(z.object({ at: instant, firings: z.number(), workers: z.number() })),
    peak: z.object({ at: instant, running: z.number() }).nullable(),
    collisions: z.array(z.object({ at: instant, firings: z.number(), names: z.array(z.string()), suggestion: z.string() })),
    overlaps: z.array(
      z.object({ scheduleId: z.string(), name: z.string(), times: z.number(), durationMs: z.number(), overlap: z.string() }),
    ),
    clockChanges: z.array(
      z.object({ at: instant, timezone: z.string(), kind: z.string(), schedules: z.array(z.string()), note: z.string() }),
    ),
  })
  .meta({ id: 'ScheduleCalendar' })

/** `POST /jobs/templates`. */
export const newTemplate = z
  .strictObject({
    name: text(200, 1),
    description: text(2000).nullable().optional(),
    task: name,
    payload: json.optional(),
    options: jobSettings.optional(),
    inputSchema: json
      .optional()
      .meta({ description: 'JSON Schema of the whole payload: it narrows that of the task, and jobs of the template have to fit both' }),
  })
  .meta({ id: 'NewTemplate' })

/** `PUT /jobs/templates/:id`: all of it anew, as a new version. */
export const templateChange = newTemplate.extend({ version: whole(1, 2_147_483_647).optional() }).meta({ id: 'TemplateChange' })

/** A template. */
export const template = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    task: z.string(),
    queue: z.string(),
    payload: anything.optional().meta({ description: 'Where the caller may see it' }),
    options: z.object({
      queue: z.string().optional(),
      priority: z.number().optional(),
      maxAttempts: z.number().optional(),
      timeoutMs: z.number().optional(),
      tags: z.array(z.string()).readonly().optional(),
      orderingKey: z.string().optional(),
      concurrencyKey: z.string().optional(),
      rateKey: z.string().optional(),
    }),
    inputSchema: anything,
    version: z.number(),
    uses: z.number(),
    lastUsedAt: instant.nullable(),
    schedules: z.number(),
    createdAt: instant,
    createdBy: z.string().nullable(),
    updatedAt: instant,
    updatedBy: z.string().nullable(),
  })
  .meta({ id: 'Template' })
export const templateList = listOf(template).meta({ id: 'TemplateList' })
export const templateQuery = z.strictObject({ cursor: text(200).optional(), limit: limit() })

/** The id of a schedule or template. */
export const uuidPath = z.strictObject({ id: uuid })
