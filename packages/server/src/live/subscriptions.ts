import { namePattern } from '@trunkline/contract'
import { decimalId, name, tags } from '@trunkline/contract/http'
import { z } from 'zod'

const cursor = z.string().max(100_000)
const feedCursor = { after: cursor.optional() }

/** What each subscription takes; unknown names are refused. */
export const subscriptions = {
  Queue: z.strictObject({ queue: z.string().regex(namePattern), ...feedCursor }),
  Job: z.strictObject({ jobId: decimalId, ...feedCursor }),
  /** `after`: the number of a log line. */
  Logs: z.strictObject({
    jobId: decimalId,
    after: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  Overview: z.strictObject({ ...feedCursor }).optional(),
  List: z.strictObject({
    filter: z.strictObject({ queue: name.optional(), task: name.optional(), tags: tags.optional() }).default({}),
    ...feedCursor,
  }),
  All: z.strictObject({ ...feedCursor }).optional(),
  System: z.strictObject({}).optional(),
} as const

/** The subjects that one can subscribe to. */
export type Subject = keyof typeof subscriptions
