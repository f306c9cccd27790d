import type { Query, QueryTerm, QueryValue } from '@trunkline/contract'
import { texts } from '../../postgres/arrays.ts'
import type { Queryable } from '../../postgres/database.ts'
import { type Statement, statement } from '../../postgres/statement.ts'

const namesStatement = statement(import.meta.url, 'names.sql')

/** Runs a statement within the transaction of a search. */
export type Run = <Row = any>(of: Statement, values: unknown[]) => Promise<Row[]>

/** A task, queue or worker whose name a query asks for. */
interface Named {
  readonly kind: 'task' | 'queue' | 'worker'
  readonly id: number
  readonly name: string
  readonly host: string | null
  readonly searchable: readonly string[] | null
}

/** What the names of a query stand for: the planner is told numbers, whose frequency it knows. */
export interface KnownNames {
  /** Numbers of those that fit one of the values, in order. */
  ids(kind: Named['kind'], values: readonly QueryValue[]): number[]
  /** Tasks with this text in their names, in any case. */
  tasksWith(part: string): number[]
  /** Does each of these tasks list the path as searchable? */
  searchable(tasks: readonly number[], path: string): boolean
}

/** All terms of a query. */
export function termsOf(query: Query): QueryTerm[] {
  if (query.op === 'term') return [query]
  return query.op === 'not' ? termsOf(query.part) : query.parts.flatMap(termsOf)
}

/** Text as a pattern of `like` that means just it. */
export function literal(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}

function patterns(values: readonly QueryValue[]): string[] {
  return values.flatMap((v) => (v.match === 'is' ? [literal(v.value)] : v.match === 'prefix' ? [`${literal(v.value)}%`] : []))
}

function fits(name: string, values: readonly QueryValue[]): boolean {
  return values.some((v) => (v.match === 'is' ? name === v.value : v.match === 'prefix' && name.startsWith(v.value)))
}

/** Looks the names of a query up, all at once. */
export async function findNames(run: Run, query: Query): Promise<KnownNames> {
  const terms = termsOf(query)
  const of = (field: QueryTerm['field']) => patterns(terms.filter((term) => term.field === field).flatMap((term) => term.values))
  const parts = terms.filter((term) => term.field === null).flatMap((term) => patterns(term.values).map((p) => `%${p}%`))
  const asked = [of('task'), parts, of('queue'), of('worker')]
  const found = asked.every((list) => list.length === 0) ? [] : await run<Named>(namesStatement, asked.map(texts))
  return {
    ids(kind, values) {
      const numbered =
        kind === 'worker' ? values.flatMap((v) => (v.match === 'is' && /^[1-9]\d{0,8}$/.test(v.value) ? [Number(v.value)] : [])) : []
      const named = found.filter((n) => n.kind === kind && (fits(n.name, values) || (n.host !== null && fits(n.host, values))))
      return [...new Set([...numbered, ...named.map((n) => n.id)])].sort((a, b) => a - b)
    },
    tasksWith: (part) => found.filter((n) => n.kind === 'task' && n.name.toLowerCase().includes(part.toLowerCase())).map((n) => n.id),
    searchable: (tasks, path) =>
      tasks.length > 0 && tasks.every((id) => found.some((n) => n.kind === 'task' && n.id === id && n.searchable?.includes(path))),
  }
}

/** {@link Run} on an open transaction. */
export function runOn(tx: Queryable, schema: string): Run {
  return async (of, values) => (await tx.query(of.text(schema), values)).rows
}
