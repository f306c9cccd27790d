import { z } from 'zod'
import { limits } from '../words/limits.ts'
import { queryStates } from '../words/query.ts'
import { flag, limit, namePart, repeated, text, time } from './shapes.ts'

const numberText = (least: number, most: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, `a whole number from ${least} to ${most}`)
    .transform(Number)
    .pipe(z.number().int().min(least).max(most))

const duration = numberText(0, limits.durationMs)
const priority = numberText(limits.minPriority, limits.maxPriority)

/** `GET /jobs/search`: all conditions hold together. */
export const searchParameters = z.strictObject({
  q: z.string().max(8192).optional().meta({ description: 'A query, such as state:failed task:backup_* age:<24h -tag:test' }),
  search: text(500).optional().meta({ description: 'A job id, or a part of the name of a task' }),
  status: repeated(z.enum(queryStates as [string, ...string[]])).optional(),
  queues: repeated(namePart).optional(),
  tasks: repeated(namePart).optional(),
  tags: repeated(text(limits.tagLength, 1)).optional().meta({ description: 'It has all of them' }),
  startDate: time.optional().meta({ description: 'Made at this time or later' }),
  endDate: time.optional().meta({ description: 'Made before this time' }),
  minDuration: duration.optional(),
  maxDuration: duration.optional(),
  minPriority: priority.optional(),
  maxPriority: priority.optional(),
  sortBy: z.enum(['createdAt', 'startedAt', 'finishedAt', 'duration', 'priority']).default('createdAt'),
  sortOrder: z.enum(['asc', 'desc']).default('desc'),
  page: numberText(1, 10_001).optional().meta({ description: 'From 1; with limit it reaches 10,000 jobs far' }),
  offset: numberText(0, 10_000).optional(),
  cursor: text(300, 1).optional(),
  limit: limit(),
  includeData: flag.default(false),
})
