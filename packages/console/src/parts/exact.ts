import { isLosslessNumber, isNumber, isSafeNumber, LosslessNumber, parse, stringify } from 'lossless-json'

/** A number of JSON that JavaScript would write otherwise, such as one of more digits than it holds. */
export const isExact: (value: unknown) => value is LosslessNumber = isLosslessNumber

/** A number from its text; its text where JavaScript would write it otherwise. NaN = it is none. */
export const numberOf = (text: string): number | LosslessNumber =>
  isNumber(text) && String(Number(text)) !== text ? new LosslessNumber(text) : Number(text)

/** What JSON says, with every digit of its numbers. @throws where it is no JSON */
export const readJson = (text: string): unknown => parse(text, null, numberOf)

/** A value as JSON, with every digit. */
export const writeJson = (value: unknown, space?: number): string | undefined => stringify(value, undefined, space)

/** Where numbers are that would be rounded if they were sent as those of JavaScript, and what they would become. */
export function roundedPaths(value: unknown, path = ''): { path: string; text: string; becomes: string }[] {
  if (isExact(value)) return isSafeNumber(value.value) ? [] : [{ path, text: value.value, becomes: String(Number(value.value)) }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => roundedPaths(item, path === '' ? key : `${path}.${key}`))
}
