import type { DataTexts } from '@trunkline/engine'
import { LosslessNumber, parse, stringify } from 'lossless-json'

/** Only fractions and whole numbers of 16 digits and more may be written otherwise by JavaScript: jsonb has no exponents. */
const mayLose = /\.\d|\d{16}/

const numberOf = (text: string) => (String(Number(text)) === text ? Number(text) : new LosslessNumber(text))

/**
 * Payload and result with each number that JavaScript would write otherwise as its text, for {@link writeExact}; null = there is
 * none, and what `JSON.parse` makes of them is exact.
 */
export function exactData({ payload, result }: DataTexts): { payload: unknown; result: unknown } | null {
  if (!mayLose.test(payload) && !mayLose.test(result ?? '')) return null
  return { payload: parse(payload, null, numberOf), result: result === null ? null : parse(result, null, numberOf) }
}

/** An answer as JSON, with the numbers of {@link exactData} as the database has them. */
export const writeExact = (answer: unknown): string => stringify(answer) as string
