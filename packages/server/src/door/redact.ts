import { isLosslessNumber } from 'lossless-json'

/** What stands in place of a secret. */
export const hidden = '•••'

const secretKey =
  /pass(word|wd|phrase|wort)?$|^pwd$|secret|token|api[-_]?key|authorization|credential|private[-_]?key|cookie|connection[-_]?string|dsn$/i

/** `count` of tokens and the like are figures, not secrets. */
const isSecretKey = (key: string, value: unknown) =>
  secretKey.test(key) && (typeof value === 'string' || (typeof value === 'object' && value !== null && !isLosslessNumber(value)))

// each begins only where a word begins and is bounded: time grows with the length of the text, whatever it is
const inText: [RegExp, string][] = [
  [/(?<![A-Za-z0-9_-])tlk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}/g, hidden],
  [/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{0,1000}/g, hidden],
  [/(:\/\/[^\s:/@]{1,100}:)[^\s@/]{1,200}@/g, `$1${hidden}@`],
  [/\b(bearer|basic)\s{1,5}[A-Za-z0-9._~+/=-]{8,2000}/gi, `$1 ${hidden}`],
  [
    /((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key)["']?\s{0,5}[=:]\s{0,5})("[^"]{1,500}"|'[^']{1,500}'|[^\s"',;&]{1,500})/gi,
    `$1${hidden}`,
  ],
]

/** Text without what looks like a secret in it: passwords in URLs, bearers, `password=…`. Time grows with the length only. */
export function redactText(text: string): string {
  let clean = text
  for (const [pattern, replacement] of inText) clean = clean.replace(pattern, replacement)
  return clean
}

/** Text as one line that no terminal obeys: line ends and control characters are shown as escapes. */
export function visibleText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return c === '\n' ? '\\n' : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** A JSON Schema as far as it says what is secret. */
interface Schema {
  properties?: Record<string, Schema>
  items?: Schema
  writeOnly?: boolean
  format?: string
  secret?: boolean
}

const isMarked = (schema: Schema | undefined) => schema?.writeOnly === true || schema?.format === 'password' || schema?.secret === true

/**
 * A JSON value without its secrets: values under keys that say so (`password`, `apiKey`, …), fields that the schema marks
 * (`writeOnly`, `format: "password"` or `secret: true`), and what looks like a secret within texts.
 */
export function redact(value: unknown, schema?: unknown): unknown {
  const of = (typeof schema === 'object' && schema !== null ? schema : undefined) as Schema | undefined
  if (value !== null && value !== undefined && isMarked(of)) return hidden
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return value.map((item) => redact(item, of?.items))
  if (value === null || typeof value !== 'object' || isLosslessNumber(value)) return value
  const clean: [string, unknown][] = Object.entries(value).map(([key, item]) => {
    if (isSecretKey(key, item)) return [key, hidden]
    const properties = of?.properties
    return [key, redact(item, properties && Object.hasOwn(properties, key) ? properties[key] : undefined)]
  })
  return Object.fromEntries(clean)
}
