import { z } from 'zod'
import { jobError } from './jobs.ts'
import { instant, limit, listOf, text, time } from './shapes.ts'

/** A cause of failures. */
export const fingerprint = z.string().regex(/^[0-9a-f]{16}$/, '16 hexadecimal digits')

const states = ['new', 'ongoing', 'resolved', 'regressed', 'ignored'] as const

/** `GET /jobs/errors`. */
export const failureQuery = z.strictObject({
  from: time.optional().meta({ description: 'Failures since then; default: of 7 days' }),
  state: z.enum(states).optional(),
  limit: limit(),
})

/** Failures of one cause. */
export const failureGroup = z
  .object({
    fingerprint: z.string(),
    task: z.string(),
    state: z.enum(states),
    message: z.string().meta({ description: 'Without what differs from failure to failure' }),
    error: jobError,
    count: z.number(),
    firstSeen: instant,
    lastSeen: instant,
    hours: z.array(z.object({ at: instant, count: z.number() })),
    jobs: z.array(z.string()).meta({ description: 'The latest, at most five' }),
    ignoredUntil: instant.nullable(),
    by: z.string().nullable(),
    note: z.string().nullable(),
  })
  .meta({ id: 'FailureGroup' })
export const failureList = listOf(failureGroup).meta({ id: 'FailureList' })

/** `PATCH /jobs/errors/:fingerprint`. */
export const failureChange = z
  .strictObject({
    state: z.enum(['ongoing', 'resolved', 'ignored']),
    ignoredUntil: time.optional(),
    note: text(2000).optional(),
  })
  .refine((value) => value.ignoredUntil === undefined || value.state === 'ignored', 'ignoredUntil goes with the state ignored')
  .meta({ id: 'FailureChange' })
