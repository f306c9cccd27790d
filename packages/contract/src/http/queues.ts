import { z } from 'zod'
import { durationMs, instant, listOf, text, time } from './shapes.ts'

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
