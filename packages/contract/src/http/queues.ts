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
