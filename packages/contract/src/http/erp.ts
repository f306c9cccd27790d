import { z } from 'zod'
import { anything, text } from './shapes.ts'

// The older façade, in snake_case, for clients that were written against it (CONTRACT section 3).

const status = z.enum(['pending', 'running', 'completed', 'failed', 'cancelled'])

/** `POST /backups/create`. */
export const erpNewBackup = z.strictObject({ description: text(200).optional() }).meta({ id: 'ErpNewBackup' })
export const erpBackupStarted = z
  .object({ success: z.literal(true), message: z.string(), job_id: z.string(), status })
  .meta({ id: 'ErpBackupStarted' })

const summary = z.object({
  id: z.string(),
  job_type: z.string(),
  status,
  progress: z.number(),
  created_at: z.string(),
  completed_at: z.string().nullable(),
})

/** `GET /jobs`. */
export const erpJobs = z.object({ success: z.literal(true), data: z.array(summary), total: z.number() }).meta({ id: 'ErpJobs' })

/** `GET /jobs/:id`. */
export const erpJob = z
  .object({
    success: z.literal(true),
    data: summary.extend({
      payload: anything,
      result: anything,
      error_message: z.string().nullable(),
      total: z.number().nullable(),
      started_at: z.string().nullable(),
      created_by: z.string().nullable(),
    }),
  })
  .meta({ id: 'ErpJob' })

/** `GET /jobs/:id/status`. */
export const erpStatus = z
  .object({
    success: z.literal(true),
    id: z.string(),
    status,
    progress: z.number(),
    total: z.number().nullable(),
    result: anything,
    error: z.string().nullable(),
  })
  .meta({ id: 'ErpStatus' })

/** `GET /jobs/stats`. */
export const erpStats = z
  .object({
    success: z.literal(true),
    data: z.object({
      pending: z.number(),
      running: z.number(),
      completed: z.number(),
      failed: z.number(),
      cancelled: z.number(),
    }),
  })
  .meta({ id: 'ErpStats' })

/** `GET /jobs/notifications`. */
export const erpNotifications = z
  .object({
    success: z.literal(true),
    data: z.array(
      z.object({
        id: z.string(),
        job_id: z.string().nullable(),
        title: z.string(),
        message: z.string(),
        is_read: z.boolean(),
        created_at: z.string(),
      }),
    ),
  })
  .meta({ id: 'ErpNotifications' })

export const erpDone = z.object({ success: z.literal(true) })

/** Every error of the façade. */
export const erpProblem = z.object({ success: z.literal(false), error: z.string(), code: z.string() }).meta({ id: 'ErpProblem' })
