import { show, TrunklineError } from '@trunkline/contract'
import { numbers, texts } from '../postgres/arrays.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const noteStatement = statement(import.meta.url, 'note-traces.sql')
const tracesStatement = statement(import.meta.url, 'traces.sql')

/** OpenTelemetry, where the application has installed it. */
export const openTelemetry = await import('@opentelemetry/api').catch(() => null)

/** A place in a distributed trace, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/). */
export interface Trace {
  readonly traceparent: string
  readonly tracestate: string | null
}

const pattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Is this a `traceparent` of version 00 that names a trace? */
export const isTraceparent = (value: unknown): value is string => typeof value === 'string' && pattern.test(value)

/** The trace that is said, else the one that the caller is in, else null. @throws `invalid_option` */
export function readTrace(traceparent?: string): Trace | null {
  if (traceparent !== undefined) {
    if (isTraceparent(traceparent)) return { traceparent, tracestate: null }
    const allowed = 'a W3C traceparent such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    throw new TrunklineError('invalid_option', { field: 'traceparent', received: show(traceparent), allowed })
  }
  if (!openTelemetry) return null
  const span = openTelemetry.trace.getSpanContext(openTelemetry.context.active())
  if (!span || !openTelemetry.isSpanContextValid(span)) return null
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0')
  const tracestate = span.traceState?.serialize() || null
  return {
    traceparent: `00-${span.traceId}-${span.spanId}-${flags}`,
    tracestate: tracestate && tracestate.length <= 512 ? tracestate : null,
  }
}

interface Traced {
  readonly trace: Trace | null
}

/**
 * Stores jobs together with the traces that they were made in: in one transaction where there are any, by `store` alone otherwise.
 * @param made the ids that `store` answered, in the order of `jobs`; those of jobs that were there before among them keep theirs
 */
export async function storeTraced<T>(
  database: Database,
  jobs: readonly Traced[],
  on: Queryable | undefined,
  store: (on: Queryable | undefined) => Promise<T[]>,
  made: (stored: T) => string | null,
): Promise<T[]> {
  if (jobs.every(({ trace }) => trace === null)) return await store(on)
  const both = async (tx: Queryable) => {
    const stored = await store(tx)
    await noteTraces(
      database,
      jobs,
      stored.map((one) => made(one)),
      tx,
    )
    return stored
  }
  return on ? await both(on) : await database.transaction(both)
}

/** Keeps the traces of jobs that were stored under these ids (null: not new). */
export async function noteTraces(
  database: Database,
  jobs: readonly Traced[],
  ids: readonly (string | null)[],
  on?: Queryable,
): Promise<void> {
  const traced = jobs.flatMap(({ trace }, i) => (trace && ids[i] ? [{ ...trace, id: ids[i] as string }] : []))
  if (traced.length === 0) return
  await database.run(
    noteStatement,
    [numbers(traced.map((t) => t.id)), texts(traced.map((t) => t.traceparent)), texts(traced.map((t) => t.tracestate))],
    on,
  )
}

/** The traces that jobs were made in, by id. */
export async function tracesOf(database: Database, ids: readonly string[]): Promise<Map<string, Trace>> {
  const rows = await database.run<Trace & { id: string }>(tracesStatement, [numbers(ids)])
  return new Map(rows.map(({ id, ...trace }) => [id, trace]))
}
