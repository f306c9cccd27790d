/** What stands in place of a secret. */
export const hidden = '•••'

const secretKey =
  /pass(word|wd|phrase|wort)?$|^pwd$|secret|token|api[-_]?key|authorization|credential|private[-_]?key|cookie|connection[-_]?string|dsn$/i

/** `count` of tokens and the like are figures, not secrets. */
const isSecretKey = (key: string, value: unknown) =>
  secretKey.test(key) && (typeof value === 'string' || (typeof value === 'object' && value !== null))

const inText: [RegExp, string][] = [
  [/\btlk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}\b/g, hidden],
  [/\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*/g, hidden],
  [/(:\/\/[^\s:/@]{1,256}:)[^\s@/]{1,256}@/g, `$1${hidden}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,2000}/gi, `$1 ${hidden}`],
  [
    /\b((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key)["']?\s{0,5}[=:]\s{0,5})("[^"]{1,2000}"|'[^']{1,2000}'|[^\s"',;&]{1,2000})/gi,
    `$1${hidden}`,
  ],
]

/** Text without what looks like a secret in it: passwords in URLs, bearers, `password=…`. Time grows with the length only. */
export function redactText(text: string): string {
  let clean = text
  for (const [pattern, replacement] of inText) clean = clean.replace(pattern, replacement)
  return clean
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
  if (value === null || typeof value !== 'object') return value
  const clean: [string, unknown][] = Object.entries(value).map(([key, item]) => {
    if (isSecretKey(key, item)) return [key, hidden]
    const properties = of?.properties
    return [key, redact(item, properties && Object.hasOwn(properties, key) ? properties[key] : undefined)]
  })
  return Object.fromEntries(clean)
}
