import { didYouMean, show } from '@trunkline/contract'
import { FatalError } from '@trunkline/engine'
import pg from 'pg'

/** A table or index of the database, by its catalog names. */
export interface Relation {
  schema: string
  name: string
}

/** `"schema"."name"`. */
export function quoted({ schema, name }: Relation): string {
  return `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
}

const userSchemas = `n.nspname !~ '^(pg_|information_schema$)'`

/** Tables (kinds r, m, p) or indexes (i) that people made, of one schema when it is given. */
export async function relations(client: pg.Client, kinds: string[], schema?: string): Promise<Relation[]> {
  const { rows } = await client.query(
    `select n.nspname schema, c.relname name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = any($1) and ${userSchemas} and c.relpersistence <> 't' and ($2::text is null or n.nspname = $2) order by 1, 2`,
    [kinds, schema ?? null],
  )
  return rows
}

/**
 * Finds relations by what people write: `name` or `schema.name`.
 * @throws FatalError with the nearest name when one is not there
 */
export async function findRelations(client: pg.Client, kinds: string[], wanted: string[], schema?: string): Promise<Relation[]> {
  const all = await relations(client, kinds)
  const names = all.flatMap((r) => [r.name, `${r.schema}.${r.name}`])
  return wanted.map((text) => {
    const found =
      all.find((r) => `${r.schema}.${r.name}` === text) ??
      all.find((r) => r.name === text && r.schema === (schema ?? 'public')) ??
      all.find((r) => r.name === text)
    if (!found) throw new FatalError(`there is no ${kinds.includes('i') ? 'index' : 'table'} ${show(text)}${didYouMean(text, names)}`)
    return found
  })
}

/** Bytes of a relation with all that belongs to it. */
export async function sizeOf(client: pg.Client, relation: Relation): Promise<number> {
  const { rows } = await client.query('select pg_total_relation_size($1::regclass)::float8 bytes', [quoted(relation)])
  return rows[0].bytes
}
