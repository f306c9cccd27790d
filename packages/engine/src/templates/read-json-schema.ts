import { show, TrunklineError } from '@trunkline/contract'

type Json = Record<string, unknown>

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const types = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string']

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    new RegExp(value, 'u')
    return true
  } catch {
    return false
  }
}

/** Is there something in the schema at this pointer? */
function resolves(pointer: unknown, root: Json): boolean {
  if (typeof pointer !== 'string' || !/^#(\/|$)/.test(pointer)) return false
  let at: unknown = root
  for (const part of pointer.split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false
    at = (at as Json)[key]
  }
  return isObject(at) || typeof at === 'boolean'
}

const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const isNumber = (value: unknown) => typeof value === 'number'

/** What keywords may be; those that are not here are notes for people and forms. */
const plain: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  enum: [Array.isArray, 'a list of values'],
  required: [(v) => Array.isArray(v) && v.every((name) => typeof name === 'string'), 'a list of names'],
  type: [
    (v) => [v].flat().length > 0 && [v].flat().every((name) => types.includes(name as string)),
    `one or several of ${types.join(', ')}`,
  ],
  pattern: [isPattern, 'a regular expression'],
  uniqueItems: [(v) => typeof v === 'boolean', 'true or false'],
  multipleOf: [(v) => isNumber(v) && (v as number) > 0, 'a number above 0'],
  ...Object.fromEntries(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map((key) => [key, [isNumber, 'a number']])),
  ...Object.fromEntries(
    ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains', 'maxContains'].map((key) => [
      key,
      [isCount, 'a whole number from 0'],
    ]),
  ),
}
const one = [
  'additionalProperties',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
  'items',
]
const several = ['prefixItems', 'allOf', 'anyOf', 'oneOf', 'items']
const byName = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']

/** @throws `invalid_option` at the first keyword that is not what it should be */
function checkSchema(schema: unknown, field: string, root: Json): void {
  if (typeof schema === 'boolean') return
  if (!isObject(schema)) refuse(field, schema, 'a JSON Schema')
  for (const [key, value] of Object.entries(schema)) {
    const at = `${field}.${key}`
    const rule = Object.hasOwn(plain, key) ? plain[key] : undefined
    if (rule && !rule[0](value)) refuse(at, value, rule[1])
    if (key === '$ref' && !resolves(value, root)) refuse(at, value, 'a reference within the schema, such as #/$defs/address')
    if (several.includes(key) && Array.isArray(value)) for (const [i, part] of value.entries()) checkSchema(part, `${at}[${i}]`, root)
    else if (one.includes(key)) checkSchema(value, at, root)
    else if (several.includes(key)) refuse(at, value, 'a list of schemas')
    if (!byName.includes(key)) continue
    if (!isObject(value)) refuse(at, value, 'schemas by name')
    for (const [name, part] of Object.entries(value)) {
      if (key === 'patternProperties' && !isPattern(name)) refuse(at, name, 'schemas by regular expression')
      checkSchema(part, `${at}.${name}`, root)
    }
  }
}

const atLeast = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
const atMost = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']
const narrows = 'as the task has it: a template narrows the schema of its task'

const valuesOf = ({ enum: list, const: only }: Json) => (Array.isArray(list) ? list : only === undefined ? null : [only])
const typesOf = ({ type }: Json) => (type === undefined ? null : ([type].flat() as string[]))

/** @throws `invalid_option` where both speak of the same and `own` lets more through */
function checkNarrower(own: unknown, base: unknown, field: string): void {
  // what stands elsewhere, or is put together, is not compared
  if (!isObject(own) || !isObject(base) || '$ref' in own || '$ref' in base) return
  const [ownTypes, baseTypes] = [typesOf(own), typesOf(base)]
  const wide = baseTypes && ownTypes?.find((type) => !baseTypes.includes(type) && !(type === 'integer' && baseTypes.includes('number')))
  if (wide !== undefined && wide !== null) refuse(`${field}.type`, wide, `${baseTypes?.join(', ')}, ${narrows}`)
  const allowed = valuesOf(base)?.map((value) => JSON.stringify(value))
  const stray = allowed && valuesOf(own)?.find((value) => !allowed.includes(JSON.stringify(value)))
  if (stray !== undefined) refuse(`${field}.enum`, stray, `${allowed?.join(', ')}, ${narrows}`)
  const both = (key: string) => isNumber(own[key]) && isNumber(base[key])
  for (const key of atLeast)
    if (both(key) && Number(own[key]) < Number(base[key])) refuse(`${field}.${key}`, own[key], `${base[key]} and more, ${narrows}`)
  for (const key of atMost)
    if (both(key) && Number(own[key]) > Number(base[key])) refuse(`${field}.${key}`, own[key], `${base[key]} and less, ${narrows}`)
  if (isObject(own.properties)) {
    const fields = isObject(base.properties) ? base.properties : {}
    const isClosed = base.additionalProperties === false && base.patternProperties === undefined
    for (const [name, part] of Object.entries(own.properties)) {
      if (Object.hasOwn(fields, name)) checkNarrower(part, fields[name], `${field}.properties.${name}`)
      else if (isClosed && part !== false) refuse(`${field}.properties`, name, `${Object.keys(fields).join(', ')}, ${narrows}`)
    }
  }
  checkNarrower(own.items, base.items, `${field}.items`)
}

/** A JSON Schema as an object, read and compared with the schema that it narrows. @throws `invalid_option` with the path within it */
export function readJsonSchema(given: unknown, base: unknown): Json {
  if (!isObject(given)) refuse('inputSchema', given, 'a JSON Schema object')
  // as it will be stored: nothing that is no JSON is looked at
  const schema = JSON.parse(JSON.stringify(given)) as Json
  checkSchema(schema, 'inputSchema', schema)
  checkNarrower(schema, base, 'inputSchema')
  return schema
}
