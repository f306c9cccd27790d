import { isTrunklineError, limits } from '@trunkline/contract'
import { fingerprint } from './fingerprint.ts'

/** A stored error, as the API shows it. */
export interface JobError {
  message: string
  /** A code of the error table, or the code that the thrown error carried (`ECONNREFUSED`, an SQLSTATE …). */
  code?: string
  /** Class of the thrown error. */
  name?: string
  stack?: string
  hint?: string
  /** Why the job ended: attempts_used, fatal, crash_limit, timeout. */
  reason?: string
  /** The same for failures of the same cause: 16 hexadecimal digits. */
  fingerprint?: string
}

function clean(value: unknown, most: number): string {
  let text: string
  try {
    text = typeof value === 'string' ? value : String(value)
  } catch {
    text = '(no text: its conversion threw)'
  }
  // eslint would call these control characters; jsonb refuses exactly these
  text = text.replaceAll('\0', '\ufffd').toWellFormed()
  return text.length > most ? `${text.slice(0, most)}… (cut)` : text
}

function read(error: unknown, key: string): unknown {
  try {
    return (error as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}

/**
 * Whatever a handler threw (an error, a string, null, an object whose getters throw, a circular cause), as bounded, plain data.
 */
export function errorJson(error: unknown, extra: Partial<JobError> = {}): JobError {
  if (error === null || (typeof error !== 'object' && typeof error !== 'function')) {
    return { message: `thrown: ${clean(error, 1000)}`, name: typeof error, ...extra }
  }
  const message = read(error, 'message')
  const result: JobError = { message: clean(message === undefined ? '(an error without a message)' : message, limits.errorBytes / 8) }
  const name = read(error, 'name')
  if (typeof name === 'string') result.name = clean(name, 100)
  const code = read(error, 'code')
  if (typeof code === 'string' || typeof code === 'number') result.code = clean(code, 100)
  const stack = read(error, 'stack')
  if (typeof stack === 'string' && !isTrunklineError(error)) result.stack = clean(stack, limits.errorBytes / 8)
  const hint = read(error, 'hint')
  if (typeof hint === 'string') result.hint = clean(hint, 1000)
  return { ...result, ...extra }
}

/** {@link errorJson} of a failed try of `task`, with the fingerprint of its cause. */
export function failedJson(error: unknown, task: string, extra: Partial<JobError> = {}): JobError {
  const json = errorJson(error, extra)
  const constraint = error !== null && typeof error === 'object' ? read(error, 'constraint') : undefined
  const parts = typeof constraint === 'string' ? { ...json, constraint } : json
  return { ...json, fingerprint: fingerprint(task, parts) }
}
