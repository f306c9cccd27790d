import { createHash } from 'node:crypto'

/** The parts of an error that tell one cause from another. */
export interface ErrorParts {
  /** Class of the error. */
  name?: string | undefined
  message: string
  /** Error code; an SQLSTATE stands for the place in the code. */
  code?: string | undefined
  /** Name of the constraint that was violated, as PostgreSQL's errors carry it. */
  constraint?: string | undefined
  stack?: string | undefined
}

/** From the widest to the narrowest: an address may hold a uuid, a uuid holds numbers. */
const masks: [RegExp, string][] = [
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, '<url>'],
  [/[^\s@"'<>(),;:]+@[^\s@"'<>(),;:]+\.[a-z]{2,}/gi, '<email>'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<uuid>'],
  [/"[^"]*"|`[^`]*`|“[^”]*”|«[^»]*»/g, '<text>'],
  [/(?<![\p{L}\p{N}])'[^']*'/gu, '<text>'],
  [/\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/gi, '<hex>'],
  [/\d+(?:[.,:]\d+)*/g, '<n>'],
]

/**
 * A message without what differs between two failures of the same cause: numbers, uuids, hexadecimal, quoted texts, e-mail
 * addresses, URLs.
 * @example maskMessage('user 42 has no "name"') // 'user <n> has no <text>'
 */
export function maskMessage(message: string): string {
  let text = message.slice(0, 2000)
  for (const [pattern, placeholder] of masks) text = text.replace(pattern, placeholder)
  return text.replace(/\s+/g, ' ').trim().slice(0, 300)
}

/** The functions (and names of their files, without folder and line) in which it happened, at most three of the user's own. */
export function framesOf(stack: string): string[] {
  const frames: string[] = []
  for (const line of stack.split('\n')) {
    const found = /^\s+at (?:async )?(?:(.*?) \()?(.*?)(?::\d+)?(?::\d+)?\)?$/.exec(line)
    if (!found) continue
    const [, name = '', place = ''] = found
    if (/^node:|^internal\/|[/\\]node_modules[/\\]|^native$|^<anonymous>$/.test(place) || isOurs(place)) continue
    frames.push(`${name.replace(/^new |^Object\.| \[as .*\]$/g, '')}@${place.replace(/[?#].*$/, '').replace(/^.*[/\\]/, '')}`)
    if (frames.length === 3) break
  }
  return frames
}

const engine = new URL('..', import.meta.url)

/** The frames of this engine below a handler change with our versions. */
function isOurs(place: string): boolean {
  const path = place.replace(/^file:\/\//, '')
  return path.startsWith(engine.pathname) && !/\.test\.[a-z]+/.test(path)
}

/**
 * A name for the cause of a failure, the same in every process and after edits that only move lines: 16 hexadecimal digits of
 * SHA-256 over the task, the class of the error, its masked message, and where it happened (or SQLSTATE and constraint).
 * @example fingerprint('image.resize', { name: 'TypeError', message: 'x is undefined', stack: error.stack })
 */
export function fingerprint(task: string, error: ErrorParts): string {
  const { name = '', message, code = '', constraint = '', stack = '' } = error
  const sql = /^[0-9A-Z]{5}$/.test(code) && (constraint !== '' || /\d/.test(code))
  const place = sql ? [code, constraint] : [code, ...framesOf(stack)]
  return createHash('sha256')
    .update([task, name, maskMessage(message), ...place].join('\n'))
    .digest('hex')
    .slice(0, 16)
}
