import { z } from 'zod'
import { limits, namePattern } from '../words/limits.ts'

/** A decimal number as text: jobs, workers, feed numbers. */
export const decimalId = z.string().regex(/^[1-9]\d{0,17}$/, 'a decimal number, such as "42"')
/** A queue or task name. */
export const name = z.string().regex(namePattern, '1 to 128 characters of A-Z a-z 0-9 _ . : / -')
/** A name, or the beginning of names with a `*` behind it. */
export const namePart = z
  .string()
  .regex(/^[A-Za-z0-9_.:/-]{0,128}\*?$/, 'a name, or its beginning with a * behind it')
  .min(1)
/** RFC 3339 with an offset. */
export const time = z.iso.datetime({ offset: true, error: 'a time such as 2030-01-31T09:00:00Z' })
/** A time in an answer: UTC, milliseconds. */
export const instant = z.string().meta({ format: 'date-time' })
/** Milliseconds. */
export const durationMs = z.number().int().min(0).max(limits.durationMs)
/** Text without NUL and half characters. */
export const text = (most: number, least = 0) =>
  z
    .string()
    .min(least)
    .max(most)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'has a NUL character or half of a surrogate pair')

/** Tags of a job. */
export const tags = z.array(text(limits.tagLength, 1)).max(limits.tags)

/** `?limit=`: text of a whole number. */
export const limit = (most = 500, otherwise = 50) =>
  z
    .string()
    .regex(/^\d{1,6}$/, `a whole number from 1 to ${most}`)
    .transform(Number)
    .pipe(z.number().int().min(1).max(most))
    .default(otherwise)

/** A query parameter that is true or false. */
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true')

/** A query parameter that may be repeated, `?tags=a&tags=b` or `?tags[]=a`. */
export const repeated = <T extends z.ZodType<unknown, string>>(item: T) =>
  z.union([item.transform((value) => [value]), z.array(item).max(100)])

/** Any JSON value; the parser of bodies and the engine have looked at it. */
export const json = z.unknown().meta({ description: 'Any JSON value' })
/** A JSON value in an answer: what was stored is not looked at again. */
export const anything = z.unknown().meta({ description: 'Any JSON value' })

/** The shape of every list. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    nextCursor: z.string().nullable().meta({ description: 'Give it back as cursor; null = there is no more' }),
    asOf: z.string().meta({ description: 'Number of the change feed at the time of the answer: follow it from there' }),
    total: z.number().int().optional(),
    totalIsEstimate: z.boolean(),
  })

/** An answer that says only that it was done. */
export const done = z.object({ ok: z.literal(true) })
