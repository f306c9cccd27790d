import { isExact } from './exact.ts'

/** A JSON Schema, as far as forms understand it. */
export interface Schema {
  type?: string | string[]
  title?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  const?: unknown
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  writeOnly?: boolean
  secret?: boolean
  additionalProperties?: unknown
}

/** Something in a value that does not fit its schema. */
export interface Misfit {
  /** Where, such as `customer.id`. */
  path: string
  problem: string
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isExact(value)

/** What a schema says besides null. */
export function plainOf(schema: Schema): { schema: Schema; nullable: boolean } {
  const options = schema.anyOf ?? schema.oneOf
  if (options?.length === 2 && options.some(({ type }) => type === 'null')) {
    const other = options.find(({ type }) => type !== 'null') as Schema
    return {
      schema: {
        ...other,
        ...(schema.title ? { title: schema.title } : {}),
        ...(schema.description ? { description: schema.description } : {}),
      },
      nullable: true,
    }
  }
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== 'null')
    if (types.length === 1 && types[0]) return { schema: { ...schema, type: types[0] }, nullable: schema.type.includes('null') }
  }
  return { schema, nullable: false }
}

/** A schema that another one narrows, as a template does with that of its task: a value has to fit both. */
export function narrowed(schema: Schema | null, by: Schema | null): Schema | null {
  if (schema === null || by === null) return schema ?? by
  // what a closed narrower schema does not name is refused by it
  const properties = by.additionalProperties === false ? {} : { ...schema.properties }
  for (const [name, of] of Object.entries(by.properties ?? {})) properties[name] = narrowed(schema.properties?.[name] ?? null, of) as Schema
  const required = [...new Set([...(schema.required ?? []), ...(by.required ?? [])])]
  return {
    ...schema,
    ...by,
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
    ...(schema.enum && by.enum ? { enum: schema.enum.filter((one) => by.enum?.includes(one)) } : {}),
    ...(schema.additionalProperties === false ? { additionalProperties: false } : {}),
  }
}

/** The value that a form begins with: defaults, and nothing else. */
export function startOf(given: Schema | null): unknown {
  if (!given) return {}
  const { schema } = plainOf(given)
  if (schema.default !== undefined) return schema.default
  if (schema.type !== 'object' || !schema.properties) return schema.type === 'object' || schema.type === undefined ? {} : undefined
  const entries = Object.entries(schema.properties).flatMap(([name, of]) => {
    const value = plainOf(of).schema.type === 'object' && schema.required?.includes(name) ? startOf(of) : of.default
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(entries)
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value
}

function misfitOfText(value: string, { enum: allowed, minLength = 0, maxLength = Infinity, pattern, format }: Schema): string | null {
  if (allowed && !allowed.includes(value)) return `is one of ${allowed.join(', ')}`
  if (value.length < minLength) return minLength === 1 ? 'is needed' : `has at least ${minLength} characters`
  if (value.length > maxLength) return `has at most ${maxLength} characters`
  // a format says it in words; a pattern is what is left to say
  if (format === 'email' && !/^[^\s@]+@[^\s@]+$/.test(value)) return 'is an e-mail address'
  if (format === 'uri' && !URL.canParse(value)) return 'is an address such as https://example.com'
  if (format === undefined && pattern && pattern.length < 300 && !safely(pattern, value)) return `fits ${pattern}`
  return null
}

function safely(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value.slice(0, 1000))
  } catch {
    return true
  }
}

/** What does not fit, for a form to show at once; the server looks at everything again. */
export function misfits(of: unknown, given: Schema | null, path = ''): Misfit[] {
  if (!given) return []
  const value = isExact(of) ? Number(of.value) : of
  const { schema, nullable } = plainOf(given)
  if ((value === null && nullable) || schema.anyOf || schema.oneOf) return []
  const kind = kindOf(value)
  const wanted = schema.type
  if (typeof wanted === 'string' && wanted !== kind && !(wanted === 'number' && kind === 'integer'))
    return [{ path, problem: value === undefined ? 'is needed' : `is ${/^[aio]/.test(wanted) ? 'an' : 'a'} ${wanted}` }]
  if (typeof value === 'string') {
    const problem = misfitOfText(value, schema)
    return problem === null ? [] : [{ path, problem }]
  }
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema
    if (value < minimum) return [{ path, problem: `is at least ${minimum}` }]
    return value > maximum ? [{ path, problem: `is at most ${maximum}` }] : []
  }
  if (Array.isArray(value))
    return schema.items ? value.flatMap((item, i) => misfits(item, schema.items ?? null, join(path, String(i)))) : []
  if (!isObject(value)) return []
  const missing = (schema.required ?? []).filter((name) => value[name] === undefined && schema.properties?.[name]?.default === undefined)
  const unknown = schema.additionalProperties === false ? Object.keys(value).filter((name) => !schema.properties?.[name]) : []
  return [
    ...missing.map((name) => ({ path: join(path, name), problem: 'is needed' })),
    ...unknown.map((name) => ({ path: join(path, name), problem: 'is not known' })),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, of]) =>
      value[name] === undefined ? [] : misfits(value[name], of, join(path, name)),
    ),
  ]
}
