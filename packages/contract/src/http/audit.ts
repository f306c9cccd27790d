import { z } from 'zod'
import { anything, decimalId, instant, limit, listOf, text, time } from './shapes.ts'

/** `GET /audit`. */
export const auditQuery = z.strictObject({
  cursor: decimalId.optional(),
  limit: limit(),
  actor: text(200, 1).optional(),
  action: z
    .string()
    .regex(/^[a-z.]{1,60}\*?$/, 'an action such as job.retry, or job.*')
    .optional(),
  target: text(200, 1).optional(),
  outcome: z.enum(['done', 'refused']).optional(),
  from: time.optional(),
  to: time.optional(),
})

/** A line of the audit. */
export const auditLine = z
  .object({
    no: z.string(),
    at: instant,
    actor: z.string(),
    how: z.string(),
    action: z.string(),
    target: z.string().nullable(),
    outcome: z.enum(['done', 'refused']),
    code: z.string().nullable(),
    address: z.string().nullable(),
    requestId: z.string().nullable(),
    before: anything,
    after: anything,
  })
  .meta({ id: 'AuditLine' })
export const auditList = listOf(auditLine).meta({ id: 'AuditList' })

/** `GET /audit/verify`. */
export const auditVerdict = z
  .object({
    isWhole: z.boolean(),
    links: z.number(),
    bad: z.array(z.object({ link: z.string().nullable(), auditNo: z.string().nullable(), problem: z.string() })),
  })
  .meta({ id: 'AuditVerdict' })
