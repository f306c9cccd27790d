import { writeJson } from '../../parts/exact.ts'
import { isObject } from '../../parts/schema.ts'

/** What stands in place of a secret. */
const hidden = '•••'

/** Where a value still has the mark that stands for a secret. */
export function hiddenPaths(value: unknown, path = ''): string[] {
  if (value === hidden) return [path]
  if (Array.isArray(value)) return value.flatMap((item, i) => hiddenPaths(item, path === '' ? String(i) : `${path}.${i}`))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) => hiddenPaths(item, path === '' ? key : `${path}.${key}`))
}

/** A change between two values: where, what it was, what it is. */
export interface Changed {
  path: string
  before: unknown
  after: unknown
}

/** What differs between two values, leaf by leaf. */
export function changesOf(before: unknown, after: unknown, path = ''): Changed[] {
  if (writeJson(before) === writeJson(after)) return []
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => changesOf(before[key], after[key], path === '' ? key : `${path}.${key}`))
  }
  return [{ path, before, after }]
}
