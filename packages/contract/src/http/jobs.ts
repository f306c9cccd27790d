import { z } from 'zod'
import { uniqueModes } from '../words/keys.ts'
import { limits } from '../words/limits.ts'
import { queryStates } from '../words/query.ts'
import { endReasons, jobStates, pendingReasons } from '../words/states.ts'
import {
  anything,
  decimalId,
  durationMs,
  flag,
  instant,
  json,
  limit,
  listOf,
  name,
  namePart,
  repeated,
  tags,
  text,
  time,
} from './shapes.ts'

const priority = z.number().int().min(limits.minPriority).max(limits.maxPriority)
const maxAttempts = z.number().int().min(1).max(limits.maxAttempts)

/** `POST /jobs`. */
export const newJob = z
  .strictObject({
    task: name.optional().meta({ description: 'Default: that of the template' }),
    templateId: text(200, 1)
      .optional()
      .meta({ description: 'A template by id or name: its payload and options lie under those given here' }),
    payload: json.optional(),
    queue: name.optional(),
    priority: priority.optional().meta({ description: 'Higher runs first' }),
    runAt: time.optional(),
    delayMs: durationMs.optional(),
    maxAttempts: maxAttempts.optional(),
    timeoutMs: durationMs.optional(),
    uniqueKey: text(limits.keyLength, 1).optional(),
    uniqueMode: z.enum(uniqueModes).optional(),
    uniqueWindowMs: durationMs.optional(),
    uniqueMaxWaitMs: durationMs.optional(),
    orderingKey: text(limits.keyLength, 1).optional().meta({ description: 'Jobs of one such key run one after another, in order' }),
    concurrencyKey: text(limits.keyLength, 1).optional().meta({ description: 'Under the limit concurrencyPerKey of its queue' }),
    rateKey: text(limits.keyLength, 1).optional().meta({ description: 'Under the limit ratePerKey of its queue' }),
    tags: tags.optional(),
    dependsOn: z
      .array(z.union([decimalId, z.strictObject({ jobId: decimalId, onFailure: z.enum(['cancel', 'run', 'wait']).optional() })]))
      .max(100)
      .optional()
      .meta({ description: 'Jobs that must end first. Not together with a unique key' }),
  })
  .meta({ id: 'NewJob' })

/** A failure, as it is stored. */
export const jobError = z.object({
  message: z.string(),
  code: z.string().optional(),
  name: z.string().optional(),
  stack: z.string().optional(),
  hint: z.string().optional(),
  reason: z.string().optional(),
  fingerprint: z.string().optional(),
})

/** How far a job is. */
export const progress = z.object({
  current: z.number(),
  total: z.number().nullable(),
  unit: z.string().nullable(),
  stage: z.string().nullable(),
  percent: z.number().nullable(),
})

/** A job. */
export const job = z
  .object({
    id: z.string(),
    task: z.string(),
    queue: z.string(),
    state: z.enum(jobStates),
    reason: z.string().nullable(),
    priority: z.number(),
    attempt: z.number(),
    maxAttempts: z.number(),
    progress: progress.nullable(),
    tags: z.array(z.string()),
    key: z.string().nullable(),
    orderingKey: z.string().nullable(),
    concurrencyKey: z.string().nullable(),
    rateKey: z.string().nullable(),
    createdAt: instant,
    createdBy: z.string().nullable(),
    runAt: instant,
    startedAt: instant.nullable(),
    finishedAt: instant.nullable(),
    waitMs: z.number().nullable(),
    durationMs: z.number().nullable(),
    workerId: z.string().nullable(),
    scheduleId: z.string().nullable(),
    templateId: z.string().nullable(),
    flowId: z.string().nullable(),
    dependsOn: z.array(z.string()),
    rerunOf: z.string().nullable(),
    error: jobError.nullable(),
    outcome: z.record(z.string(), z.number()).nullable(),
    payload: anything.optional(),
    result: anything.optional(),
  })
  .meta({ id: 'Job' })
/** One of {@link job}. */
export type JobAnswer = z.output<typeof job>

/** `POST /jobs`: the job, and what its keys made of the request. */
export const enqueued = job.extend({ made: z.enum(['new', 'existing', 'replaced', 'debounced']) }).meta({ id: 'EnqueuedJob' })

/** `?includeData=true` adds payload and result. */
export const includeData = z.strictObject({ includeData: flag.default(false) })

const conditions = {
  state: z.enum(jobStates).optional(),
  reason: z.enum([...pendingReasons, ...endReasons]).optional(),
  task: name.optional(),
  queue: name.optional(),
  createdAfter: time.optional(),
  createdBefore: time.optional(),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/, '16 hexadecimal digits')
    .optional(),
}

/** `GET /jobs`. */
export const jobQuery = z.strictObject({
  ...conditions,
  tags: repeated(text(limits.tagLength, 1)).optional(),
  cursor: decimalId.optional(),
  limit: limit(),
  includeData: flag.default(false),
})

export const jobList = listOf(job).meta({ id: 'JobList' })

/** `GET /jobs/:id/status`. */
export const jobStatus = z
  .object({
    id: z.string(),
    state: z.enum(jobStates),
    reason: z.string().nullable(),
    attempt: z.number(),
    maxAttempts: z.number(),
    progress: progress.nullable(),
    startedAt: instant.nullable(),
    finishedAt: instant.nullable(),
    durationMs: z.number().nullable(),
    error: jobError.nullable(),
    outcome: z.record(z.string(), z.number()).nullable(),
  })
  .meta({ id: 'JobStatus' })

const level = z.enum(['debug', 'info', 'warn', 'error'])

/** `GET /jobs/:id/logs`. */
export const logQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,18}$/, 'the number of a line')
    .optional(),
  before: z
    .string()
    .regex(/^\d{1,18}$/, 'the number of a line')
    .optional()
    .meta({ description: 'Instead of after: the last lines before this one' }),
  level: repeated(level).optional(),
  stage: text(200, 1).optional(),
  search: text(200, 1).optional(),
  limit: limit(1000, 200),
  download: z.enum(['text', 'jsonl']).optional().meta({ description: 'The whole log as a file' }),
})

export const logLine = z
  .object({
    no: z.string(),
    attempt: z.number(),
    at: instant,
    level,
    stage: z.string().nullable(),
    message: z.string(),
    context: anything,
  })
  .meta({ id: 'LogLine' })

export const logList = z.object({
  data: z.array(logLine),
  nextCursor: z.string().nullable().meta({ description: 'Give it back as after' }),
})

/** `GET /jobs/:id/timeline`. */
export const jobTimeline = z
  .object({
    jobId: z.string(),
    attempts: z.array(
      z.object({
        attempt: z.number(),
        state: z.enum(['running', 'completed', 'failed', 'crashed', 'cancelled']),
        workerId: z.string().nullable(),
        startedAt: instant.nullable(),
        finishedAt: instant.nullable(),
        durationMs: z.number().nullable(),
        error: jobError.nullable(),
      }),
    ),
    transitions: z.array(
      z.object({
        at: instant,
        event: z.string(),
        attempt: z.number().nullable(),
        workerId: z.string().nullable(),
        by: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'JobTimeline' })

/** `GET /jobs/:id/steps`. */
export const jobSteps = z
  .object({
    jobId: z.string(),
    steps: z.array(
      z.object({
        name: z.string(),
        task: z.string().nullable().meta({ description: 'Whose handler it runs, of steps_run' }),
        state: z
          .enum(['waiting', 'running', 'completed', 'failed', 'crashed', 'cancelled', 'skipped'])
          .meta({ description: 'crashed: it ran when its worker died, and has not begun again yet' }),
        attempt: z.number().meta({ description: 'The execution of the job that worked on it last' }),
        tries: z.number().meta({ description: 'How often it began' }),
        startedAt: instant.nullable().meta({ description: 'Of its latest try' }),
        finishedAt: instant.nullable(),
        durationMs: z.number().nullable(),
        error: jobError.nullable().meta({ description: 'Of its latest try' }),
        earlier: z
          .array(
            z.object({
              attempt: z.number(),
              state: z.enum(['completed', 'failed', 'crashed', 'cancelled', 'handed_back']),
              startedAt: instant.nullable(),
              finishedAt: instant.nullable(),
              error: jobError.nullable(),
            }),
          )
          .meta({ description: 'The tries before the latest, oldest first; at most 20' }),
        result: anything.optional().meta({ description: 'Where the caller may see it' }),
      }),
    ),
  })
  .meta({ id: 'JobSteps' })

/** `GET /jobs/:id/why`. */
export const jobWhy = z
  .object({
    jobId: z.string(),
    state: z.enum(jobStates),
    reason: z.string(),
    sentence: z.string(),
    cause: z.string().optional(),
    since: z.string().optional(),
    until: z.string().optional(),
    latest: z.string().optional(),
    calls: z.number().optional(),
    ahead: z.number().optional(),
    workers: z.number().optional(),
    slots: z.number().optional(),
    busy: z.number().optional(),
    failedTries: z.number().optional(),
    workerId: z.string().optional(),
    leaseId: z.string().optional(),
    by: z.string().optional(),
    note: z.string().optional(),
    replacedBy: z.string().optional(),
    key: z.string().optional(),
    limit: z.number().optional(),
    heldBy: z.array(z.string()).optional(),
    flowId: z.string().optional(),
    open: z.number().optional(),
    waitsFor: z.array(z.object({ jobId: z.string(), task: z.string(), state: z.enum(jobStates) })).optional(),
  })
  .meta({ id: 'JobWhy' })

/** `POST /jobs/:id/cancel`. */
export const cancelled = z.object({
  answer: z.enum(['cancelled', 'asked', 'ended']).meta({ description: 'asked: it runs, and its worker was told' }),
  job,
})

/** `POST /jobs/:id/rerun`: what differs. */
export const rerun = z
  .strictObject({
    payload: json.optional(),
    queue: name.optional(),
    priority: priority.optional(),
    runAt: time.optional(),
    delayMs: durationMs.optional(),
    maxAttempts: maxAttempts.optional(),
    tags: tags.optional(),
  })
  .meta({ id: 'Rerun' })

/** `PATCH /jobs/:id`. */
export const jobChanges = z
  .strictObject({ priority: priority.optional(), queue: name.optional(), runAt: time.optional(), tags: tags.optional() })
  .refine((changes) => Object.values(changes).some((value) => value !== undefined), 'at least one of priority, queue, runAt, tags')
  .meta({ id: 'JobChanges' })

const listConditions = {
  ...conditions,
  args: z.record(text(200, 1), z.union([text(1000), z.number(), z.boolean()])).optional(),
}
const searchConditions = {
  q: z.string().max(8192).optional().meta({ description: 'A query, such as state:failed task:backup_* age:<24h -tag:test' }),
  search: text(500, 1).optional().meta({ description: 'A job id, or a part of the name of a task' }),
  status: z
    .array(z.enum(queryStates as [string, ...string[]]))
    .max(100)
    .optional(),
  queues: z.array(namePart).max(100).optional(),
  tasks: z.array(namePart).max(100).optional(),
  startDate: time.optional(),
  endDate: time.optional(),
  minDuration: durationMs.optional(),
  maxDuration: durationMs.optional(),
  minPriority: priority.optional(),
  maxPriority: priority.optional(),
}
const has = (filter: object, of: object) => Object.entries(filter).some(([key, value]) => value !== undefined && Object.hasOwn(of, key))

/** Does a filter speak as `GET /jobs/search` does? */
export const isSearch = (filter: object): boolean => has(filter, searchConditions)

/** Which jobs are meant, by the conditions of `GET /jobs` or by those of `GET /jobs/search`; all of them hold together. */
export const jobFilter = z
  .strictObject({ ...listConditions, ...searchConditions, tags: tags.optional() })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), 'at least one condition')
  .refine(
    (filter) => !(has(filter, listConditions) && has(filter, searchConditions)),
    'the conditions of GET /jobs or those of GET /jobs/search (q, search, status, queues, …), not both',
  )
  .meta({ id: 'JobFilter' })

const target = {
  jobIds: z.array(decimalId).min(1).max(1000).optional(),
  filter: jobFilter.optional(),
  asOf: z
    .string()
    .max(200_000)
    .optional()
    .meta({ description: 'With filter: only jobs that were there at this place of the feed (asOf of a list)' }),
  dryRun: z.boolean().default(false).meta({ description: 'Only count what would be touched, by state' }),
}
const oneTarget = (value: { jobIds?: unknown; filter?: unknown; asOf?: unknown }) =>
  (value.jobIds === undefined) !== (value.filter === undefined) && (value.asOf === undefined || value.filter !== undefined)
const oneTargetSaid = 'one of jobIds, filter; asOf only with filter'

/** `POST /jobs/bulk/retry`, `/cancel`, `/delete`. */
export const bulk = z.strictObject(target).refine(oneTarget, oneTargetSaid).meta({ id: 'Bulk' })
/** `POST /jobs/bulk/rerun`. */
export const bulkRerun = z
  .strictObject({ ...target, rerun: rerun.optional() })
  .refine(oneTarget, oneTargetSaid)
  .meta({ id: 'BulkRerun' })
/** `POST /jobs/bulk/update`. */
export const bulkUpdate = z
  .strictObject({ ...target, changes: jobChanges })
  .refine(oneTarget, oneTargetSaid)
  .meta({ id: 'BulkUpdate' })

/** `POST /jobs/bulk/undo`. */
export const bulkUndo = z.strictObject({ bulkId: decimalId }).meta({ id: 'BulkUndo' })

/** Answer of a bulk call; of a dry run only the counts by state. */
export const bulkAnswer = z
  .object({
    dryRun: z.boolean(),
    total: z.number(),
    byState: z.record(z.string(), z.number()).optional(),
    asOf: z.string().optional().meta({ description: 'Of a dry run by filter: give it back, so that no job is meant that came later' }),
    bulkId: z.string().optional().meta({ description: 'For POST /jobs/bulk/undo' }),
    undoUntil: instant.nullable().optional().meta({ description: 'Until when it can be undone; null = it cannot' }),
    accepted: z.number(),
    skipped: z.number(),
    results: z.array(
      z.object({
        jobId: z.string(),
        ok: z.boolean(),
        answer: z.string().optional(),
        code: z.string().optional(),
        reason: z.string().optional(),
        hint: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'BulkAnswer' })

/** Above 1,000 jobs a bulk call is a job itself. */
export const bulkStarted = z
  .object({
    dryRun: z.literal(false),
    total: z.number(),
    jobId: z.string().meta({ description: 'Follow this job; its results: GET /jobs/bulk/:id/results' }),
    bulkId: z.string().meta({ description: 'For POST /jobs/bulk/undo, until 5 minutes after its end' }),
  })
  .meta({ id: 'BulkStarted' })

/** `GET /jobs/bulk/:id/results`. */
export const bulkResultQuery = z.strictObject({
  cursor: z
    .string()
    .regex(/^\d{1,9}$/, 'the nextCursor of an earlier answer')
    .optional(),
  limit: limit(1000, 200),
  ok: flag.optional(),
})
export const bulkResults = z
  .object({
    verb: z.string(),
    by: z.string().nullable(),
    done: z.number(),
    total: z.number(),
    createdAt: instant,
    data: z.array(
      z.object({
        jobId: z.string(),
        ok: z.boolean(),
        answer: z.string().nullable(),
        code: z.string().nullable(),
        reason: z.string().nullable(),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'BulkResults' })

/** `GET /jobs/stats`. */
export const jobStats = z
  .object({
    asOf: z.string(),
    total: z.object({
      pending: z.number(),
      scheduled: z.number(),
      held: z.number(),
      blocked: z.number(),
      running: z.number(),
      completed: z.number(),
      failed: z.number(),
      cancelled: z.number(),
    }),
    queues: z.array(
      z.object({
        queue: z.string(),
        pending: z.number().meta({ description: 'Due, scheduled and held together' }),
        scheduled: z.number(),
        held: z.number(),
        blocked: z.number(),
        running: z.number(),
        completed: z.number(),
        failed: z.number(),
        cancelled: z.number(),
      }),
    ),
  })
  .meta({ id: 'JobStats' })

/** `GET /jobs/events`. */
export const eventQuery = z.strictObject({
  after: z
    .string()
    .max(200_000)
    .optional()
    .meta({ description: 'A cursor of an earlier answer, or asOf; 0 = from the oldest. Default: from now' }),
  limit: limit(5000, 500),
})

export const eventList = z
  .object({
    data: z.array(z.object({ seq: z.string(), at: instant, kind: z.string(), body: anything })),
    cursor: z.string(),
  })
  .meta({ id: 'EventList' })
