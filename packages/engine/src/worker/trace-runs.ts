import type { Link, Span } from '@opentelemetry/api'
import { openTelemetry, type Trace, tracesOf } from '../jobs/trace.ts'
import type { Database } from '../postgres/database.ts'
import type { Middleware } from './middleware.ts'

type Api = NonNullable<typeof openTelemetry>

/** Has the application set OpenTelemetry up? Without, nothing is looked up and nothing is run in a context. */
function isSetUp(api: Api): boolean {
  const provider = api.trace.getTracerProvider() as { getDelegate?(): object }
  const delegate = provider.getDelegate?.() ?? provider
  return delegate.constructor.name !== 'NoopTracerProvider'
}

/** Looks up the traces of jobs that begin in the same turn of the event loop together. */
function createLookUp(database: Database): (ids: readonly string[]) => Promise<Map<string, Trace>> {
  let asked: Set<string> | null = null
  let answer: Promise<Map<string, Trace>> | null = null
  return (ids) => {
    asked ??= new Set()
    for (const id of ids) asked.add(id)
    answer ??= new Promise((resolve) => {
      setImmediate(() => {
        const all = [...(asked ?? [])]
        asked = null
        answer = null
        // a trace is worth no job: one that cannot be read is left out
        resolve(tracesOf(database, all).catch(() => new Map()))
      })
    })
    return answer
  }
}

/**
 * Runs each handler in a span that continues the trace in which its job was made (OpenTelemetry's conventions for messaging); a call for
 * several jobs has a link to each of theirs. Null where the application uses no OpenTelemetry.
 */
export function traceRuns(database: Database): Middleware | null {
  const api = openTelemetry
  if (!api || !isSetUp(api)) return null
  const lookUp = createLookUp(database)
  const tracer = api.trace.getTracer('trunkline')

  const contextOf = (found: Trace | undefined) => {
    const [, traceId = '', spanId = '', flags = '00'] = found?.traceparent.split('-') ?? []
    const traceState = found?.tracestate ? api.createTraceState(found.tracestate) : undefined
    return found ? { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true, ...(traceState ? { traceState } : {}) } : null
  }

  async function within(span: Span, parent: ReturnType<Api['context']['active']>, next: () => Promise<unknown>): Promise<unknown> {
    try {
      return await (api as Api).context.with((api as Api).trace.setSpan(parent, span), next)
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      span.recordException(failure)
      span.setStatus({ code: (api as Api).SpanStatusCode.ERROR, message: failure.message })
      throw error
    } finally {
      span.end()
    }
  }

  return async (context, next) => {
    const jobs = 'jobs' in context ? context.jobs : [context]
    const found = await lookUp(jobs.map(({ job }) => job.id))
    const parents = jobs.flatMap(({ job }) => contextOf(found.get(job.id)) ?? [])
    const [first] = jobs
    const attributes = {
      'messaging.system': 'trunkline',
      'messaging.operation.type': 'process',
      'messaging.destination.name': first?.job.queue ?? '',
      'trunkline.task': first?.job.task ?? '',
      ...('jobs' in context
        ? { 'messaging.batch.message_count': jobs.length }
        : { 'messaging.message.id': context.job.id, 'trunkline.attempt': context.attempt }),
    }
    const alone = 'jobs' in context ? undefined : parents[0]
    const root = alone ? api.trace.setSpanContext(api.ROOT_CONTEXT, alone) : api.ROOT_CONTEXT
    const links: Link[] = 'jobs' in context ? parents.map((parent) => ({ context: parent })) : []
    const span = tracer.startSpan(`process ${first?.job.task}`, { kind: api.SpanKind.CONSUMER, attributes, links }, root)
    return await within(span, root, next)
  }
}
