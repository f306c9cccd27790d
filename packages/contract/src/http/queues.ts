import { z } from 'zod'
import { durationMs, instant, listOf, text, time } from './shapes.ts'

const threshold = (most: number) =>
  z
    .strictObject({ warning: z.number().positive().max(most).optional(), critical: z.number().positive().max(most).optional() })
    .refine((value) => value.warning !== undefined || value.critical !== undefined, 'one of warning, critical, or both')
const count = threshold(Number.MAX_SAFE_INTEGER).optional()

/** `PUT /queues/:queue/thresholds`: those that are not named are taken away. */
export const queueThresholds = z
  .strictObject({
    waiting: count.meta({ description: 'Due jobs' }),
    oldestMs: count.meta({ description: 'For how long the oldest of them has been due' }),
    failurePercent: threshold(100).optional().meta({ description: 'Of the jobs that ended within ten minutes, ten at least' }),
    workers: count.meta({ description: 'Fewer live workers than this' }),
  })
  .meta({ id: 'QueueThresholds' })

const queueHealth = z
  .object({
    level: z.enum(['healthy', 'warning', 'critical']),
    since: instant,
    crossed: z.array(z.object({ measure: z.string(), value: z.number(), limit: z.number(), level: z.enum(['warning', 'critical']) })),
    thresholds: queueThresholds,
  })
  .meta({ id: 'QueueHealth' })

/** A queue. */
export const queue = z
  .object({
    queue: z.string(),
    due: z.number(),
    held: z.number().meta({ description: 'Wait for a limit of their key' }),
    scheduled: z.number(),
    blocked: z.number(),
    running: z.number(),
    completed: z.number(),
    failed: z.number(),
    cancelled: z.number(),
    workers: z.number(),
    paused: z.object({ since: instant, until: instant.nullable(), reason: z.string().nullable(), by: z.string().nullable() }).nullable(),
    health: queueHealth.nullable().meta({ description: 'Null = it has no thresholds' }),
    schedules: z
      .array(
        z.object({
          id: z.string(),
          name: z.string(),
          words: z.string(),
          nextRunAt: instant.nullable(),
          isEnabled: z.boolean(),
          isPaused: z.boolean(),
        }),
      )
      .optional()
      .meta({ description: 'With include=schedules' }),
  })
  .meta({ id: 'Queue' })

/** `GET /queues`. */
export const queueQuery = z.strictObject({ include: z.enum(['schedules']).optional() })

export const queueList = listOf(queue).meta({ id: 'QueueList' })

/** `POST /queues/:queue/pause`. */
export const pause = z
  .strictObject({ reason: text(500).optional(), until: time.optional(), forMs: durationMs.optional() })
  .refine((value) => value.until === undefined || value.forMs === undefined, 'one of until, forMs')
  .meta({ id: 'Pause' })

const limitCount = z.number().int().min(1).max(1_000_000)
const rate = z
  .strictObject({
    limit: limitCount,
    perMs: z.number().int().min(100).max(31_622_400_000),
    burst: limitCount
      .optional()
      .meta({ description: 'So many may start at once after a pause. Default: what a second lets through, at least 1' }),
  })
  .nullable()
  .optional()

/** `PUT /queues/:queue/limits`. */
export const newLimits = z
  .strictObject({
    concurrency: limitCount.nullable().optional().meta({ description: 'Jobs of the queue that run at once' }),
    rate: rate.meta({ description: 'Jobs of the queue that start in a time' }),
    concurrencyPerKey: limitCount.nullable().optional().meta({ description: 'Jobs of one concurrencyKey that run at once' }),
    ratePerKey: rate.meta({ description: 'Jobs of one rateKey that start in a time' }),
  })
  .refine((value) => Object.values(value).some((limit) => limit !== undefined), 'at least one limit; null takes it away')
  .meta({ id: 'NewQueueLimits' })

const rateView = z.object({ limit: z.number(), perMs: z.number(), burst: z.number() }).nullable()

/** The limits of a queue, and how they stand. */
export const queueLimits = z
  .object({
    queue: z.string(),
    concurrency: z.number().nullable(),
    rate: rateView,
    concurrencyPerKey: z.number().nullable(),
    ratePerKey: rateView,
    running: z.number().nullable().meta({ description: 'Jobs that run, where concurrency is set' }),
    tokens: z.number().nullable().meta({ description: 'Starts that rate would allow now, where it is set' }),
    held: z.number().meta({ description: 'Jobs that wait for a limit of their key' }),
    keys: z
      .array(
        z.object({
          kind: z.enum(['ordering', 'concurrency', 'rate']),
          key: z.string(),
          heldBy: z.array(z.string()).meta({ description: 'Jobs that have it, at most 20' }),
          held: z.number().meta({ description: 'Jobs that wait for it; no more than 10,000 are counted' }),
          nextAt: instant.nullable(),
        }),
      )
      .meta({ description: 'Keys that jobs have or wait for, those with the most waiting jobs first; at most 100' }),
  })
  .meta({ id: 'QueueLimits' })
