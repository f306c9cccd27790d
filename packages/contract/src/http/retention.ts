import { z } from 'zod'
import { durationMs, instant, name } from './shapes.ts'

const kept = z
  .union([durationMs, z.literal(false)], { error: 'is neither milliseconds nor false, which keeps for ever' })
  .meta({ description: 'Milliseconds after the end of a job; false = for ever' })
const keeps = { completedMs: kept.optional(), failedMs: kept.optional(), cancelledMs: kept.optional() }
const tasks = z
  .record(name, z.strictObject(keeps))
  .refine((value) => Object.keys(value).length <= 500, 'has more than 500 tasks')
  .meta({ description: 'Tasks of which more or less is kept; what they do not name is as for all' })

/** `PUT /retention`, `POST /retention/preview`: states that are not named are kept for 30 days. */
export const newRetention = z.strictObject({ ...keeps, tasks: tasks.optional() }).meta({ id: 'NewRetention' })

const rules = z
  .object({ completedMs: kept, failedMs: kept, cancelledMs: kept, tasks: z.record(z.string(), z.object(keeps)) })
  .meta({ id: 'RetentionRules' })

/** `GET /retention`. */
export const retention = z
  .object({
    rules,
    source: z.enum(['stored', 'settings', 'default']).meta({ description: 'Who says so: an owner, the settings of the keeper, or nobody' }),
    by: z.string().nullable().meta({ description: 'Who stored them' }),
    at: instant.nullable().meta({ description: 'Since when they are stored, or known from the settings' }),
    otherwise: z.object({ rules, source: z.enum(['settings', 'default']) }).meta({ description: 'What holds when nothing is stored' }),
  })
  .meta({ id: 'Retention' })

/** `POST /retention/preview`. */
export const retentionPreview = z
  .object({
    total: z.number(),
    isWhole: z.boolean().meta({ description: 'False = at least so many: counting takes two seconds at most' }),
    groups: z.array(z.object({ task: z.string(), state: z.enum(['completed', 'failed', 'cancelled']), count: z.number() })),
  })
  .meta({ id: 'RetentionPreview' })
