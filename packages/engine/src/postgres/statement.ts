import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A whole SQL statement, kept in its own file beside the verb that uses it. */
export interface Statement {
  /** Name of the prepared statement. */
  readonly name: string
  /** The text for a schema; `trunkline` unless another is configured. */
  text(schema: string): string
  /** May it change something? Told from its words: a call of one of our functions counts as well. */
  readonly writes: boolean
  /** Is it worth preparing by name on the connections of a pool? */
  readonly prepared?: boolean
  /** The call of the function that holds the same text, where there is one: what is sent behind a pooler. */
  readonly call?: (schema: string) => string
}

/** Quotes an identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Puts another schema into a text that is written for the schema `trunkline`: qualified names, and the channel, which has
 * the name of the schema. The text stays runnable as it stands in its file.
 */
export function inSchema(text: string, schema: string): string {
  if (schema === 'trunkline') return text
  return text
    .replace(/\btrunkline\.(?=[a-z_%])/g, () => `${quoteName(schema)}.`)
    .replace(/\bschema trunkline\b/g, () => `schema ${quoteName(schema)}`)
    .replace(/'trunkline'::regnamespace/g, () => `'${quoteName(schema)}'::regnamespace`)
    .replace(/pg_notify\('trunkline',/g, () => `pg_notify('${schema.replaceAll("'", "''")}',`)
}

/**
 * Loads `file`, which lies beside the module that asks.
 * @param base `import.meta.url` of that module
 * @param twin a function `trunkline.<twin>` with the same text and parameters that carries its own settings
 * @example const claim = statement(import.meta.url, 'claim.sql')
 */
export function statement(base: string, file: string, twin?: string): Statement {
  const raw = readFileSync(fileURLToPath(new URL(`./${file}`, base)), 'utf8')
  const body = raw.replace(/^(--[^\n]*\n)+/, '').trim()
  const texts = new Map<string, string>()
  const parameters = Math.max(0, ...[...body.matchAll(/\$(\d+)/g)].map(([, no]) => Number(no)))
  const call = `select * from trunkline.${twin}(${Array.from({ length: parameters }, (_, i) => `$${i + 1}`).join(', ')})`
  return {
    writes: /\b(insert|update|delete|share|merge)\b|\btrunkline\.[a-z_]+\(/i.test(body),
    ...(twin ? { call: (schema: string) => inSchema(call, schema) } : {}),
    name: `trunkline_${file.replace(/\.sql$/, '').replaceAll('-', '_')}`,
    text(schema) {
      let text = texts.get(schema)
      if (text === undefined) {
        text = inSchema(body, schema)
        texts.set(schema, text)
      }
      return text
    },
  }
}

/** The same statement, planned once for each connection of a pool: for small ones that are run again and again. */
export function prepared(statement: Statement): Statement {
  return { ...statement, prepared: true }
}
