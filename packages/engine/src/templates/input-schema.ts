import { createContext, Script } from 'node:vm'
import { type Schema, type SchemaDraft, Validator } from '@cfworker/json-schema'
import { show, TrunklineError } from '@trunkline/contract'
import { readJsonSchema } from './read-json-schema.ts'

/** How long one check may take: a pattern can be slow without end. */
const longestMs = 250
const checking = new Script('work()')
const context = createContext({ work: () => {} })

const isLate = (error: unknown) => (error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'

/**
 * Runs `work`, for no longer than {@link longestMs}. That counts the time of the clock: where others have the processors, it is tried again
 * until it has used so much of them, ten times at the most.
 * @throws an error with the code ERR_SCRIPT_EXECUTION_TIMEOUT
 */
export function inTime<T>(work: () => T): T {
  context.work = work
  const before = process.cpuUsage()
  for (let turn = 1; ; turn++) {
    try {
      return checking.runInContext(context, { timeout: longestMs }) as T
    } catch (error) {
      const { user, system } = process.cpuUsage(before)
      if (!isLate(error) || (user + system) / 1000 >= 0.8 * longestMs || turn === 10) throw error
    }
  }
}

const drafts: readonly [RegExp, SchemaDraft][] = [
  [/draft-04/, '4'],
  [/draft-0[67]/, '7'],
  [/2019-09/, '2019-09'],
]
const known = new Map<string, Validator>()

function validatorOf(schema: object): Validator {
  const text = JSON.stringify(schema)
  let validator = known.get(text)
  if (!validator) {
    const dialect = String((schema as { $schema?: unknown }).$schema ?? '')
    const draft = drafts.find(([pattern]) => pattern.test(dialect))?.[1] ?? '2020-12'
    validator = new Validator(JSON.parse(text) as Schema, draft)
    if (known.size >= 1000) known.clear()
    known.set(text, validator)
  }
  return validator
}

/** `#/items/3/width` as `payload.items[3].width`. */
function pathOf(location: string): string {
  let path = 'payload'
  for (const part of location.split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    path += /^\d+$/.test(key) ? `[${key}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${show(key)}]`
  }
  return path
}

interface Problem {
  field: string
  problem: string
}

/** What is wrong with a value by a schema, where it lies deepest; null = nothing. */
function problemOf(value: unknown, schema: object): Problem | null {
  const { valid, errors } = inTime(() => validatorOf(schema).validate(value))
  if (valid) return null
  const depth = (location: string) => location.split('/').length
  const worst = errors.reduce((a, b) => (depth(b.instanceLocation) >= depth(a.instanceLocation) ? b : a))
  const missing = /required property "(.+)"\.$/.exec(worst.error)?.[1]
  if (worst.keyword === 'required' && missing !== undefined)
    return { field: pathOf(`${worst.instanceLocation}/${encodeURIComponent(missing)}`), problem: 'it is missing' }
  if (worst.keyword === 'false') return { field: pathOf(worst.instanceLocation), problem: 'there is no such field' }
  return { field: pathOf(worst.instanceLocation), problem: worst.error.replace(/\.$/, '') }
}

/** Whose payload it is, for people, and what it has to fit: the schemas of the template and of its task; null = none. */
export interface InputCheck {
  task: string
  schemas: readonly unknown[]
  /** Added to the sentence, such as the schedule that it is about. */
  where?: string
}

/** Checks the whole payload of a job, plain JSON, against schemas. @throws `invalid_payload` with the path of what is wrong */
export function checkInput(payload: unknown, { task, schemas, where = '' }: InputCheck): void {
  for (const schema of schemas) {
    if (typeof schema !== 'object' || schema === null) continue
    let found: Problem | null
    try {
      found = problemOf(payload, schema)
    } catch (error) {
      found = { field: 'payload', problem: isLate(error) ? `checking it takes longer than ${longestMs} ms` : (error as Error).message }
    }
    if (found) throw new TrunklineError('invalid_payload', { task, field: found.field, problem: `${found.problem}${where}` })
  }
}

/**
 * A JSON Schema of a template, which may narrow that of its task where both speak of the same; what cannot be compared is checked
 * against both with each payload.
 * @throws `invalid_option` with the path within the schema
 */
export function readInputSchema(given: unknown, ofTask: unknown): Record<string, unknown> | null {
  if (given === undefined || given === null) return null
  const schema = readJsonSchema(given, ofTask)
  for (const value of [null, true, 0, '', [], {}]) {
    try {
      inTime(() => validatorOf(schema).validate(value))
    } catch (error) {
      throw new TrunklineError('invalid_option', {
        field: 'inputSchema',
        received: `a schema that cannot be applied (${(error as Error).message})`,
        allowed: 'a JSON Schema whose references lie within it and come to an end',
      })
    }
  }
  return schema
}
