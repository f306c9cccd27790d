import { z } from 'zod'
import { flag, instant, limit } from './shapes.ts'

/** `GET /jobs/notifications`. */
export const notificationQuery = z.strictObject({ unread: flag.default(false), limit: limit(200) })

/** A line of the inbox. */
export const notification = z
  .object({
    id: z.string(),
    jobId: z.string().nullable(),
    kind: z.string(),
    title: z.string(),
    message: z.string(),
    isRead: z.boolean(),
    createdAt: instant,
  })
  .meta({ id: 'Notification' })

export const notificationList = z
  .object({
    data: z.array(notification),
    nextCursor: z.null(),
    asOf: z.string(),
    total: z.number(),
    totalIsEstimate: z.literal(false),
    unread: z.number(),
  })
  .meta({ id: 'NotificationList' })

/** `PUT /jobs/notifications/preferences`. */
export const notificationPreferences = z
  .strictObject({
    jobs: z.enum(['all', 'failed', 'none']).optional().meta({ description: 'Which ends of one’s own jobs are told; at first all' }),
    alerts: z
      .enum(['all', 'none'])
      .optional()
      .meta({ description: 'Whether alerts of the queues that one operates are told; at first all' }),
  })
  .refine((value) => Object.keys(value).length > 0, 'one of jobs, alerts, or both')
  .meta({ id: 'NotificationPreferences' })

export const readCount = z.object({ read: z.number() })
